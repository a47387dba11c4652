//! The ceiling that `cargo xtask bench` measures reads against: the HTTP server of Weir, answering every request with the same bytes.
//!
//! Arguments: the address to listen on, and how many bytes to answer.

use actix_web::{App, HttpResponse, HttpServer, web};

#[actix_web::main]
async fn main() -> std::io::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let (Some(address), Some(Ok(bytes))) = (arguments.next(), arguments.next().map(|text| text.parse::<usize>()))
    else {
        return Err(std::io::Error::other("give an address and a number of bytes"));
    };
    let body = web::Bytes::from(vec![b' '; bytes]);
    let application = move || {
        let body = body.clone();
        let answer = move || {
            let body = body.clone();
            async move { HttpResponse::Ok().content_type("application/fhir+json").body(body) }
        };
        App::new().default_service(web::to(answer))
    };
    HttpServer::new(application).bind(address)?.run().await
}

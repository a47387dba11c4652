//! A server that stands for another one: answers what a test says, and remembers what it was asked.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// The requests that came, whole.
pub(crate) type Asked = Arc<Mutex<Vec<String>>>;

/// Longer than anybody waits.
const FOR_EVER: Duration = Duration::from_secs(60);

/// Starts one; gives its URL and what it is asked. Without an answer it keeps the connection open and says nothing.
pub(crate) fn stub_server(
    answer: impl Fn(&str) -> Option<(&'static str, String)> + Send + Sync + 'static,
) -> (String, Asked) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/fhir", listener.local_addr().unwrap());
    let asked = Asked::default();
    let (heard, answer) = (Arc::clone(&asked), Arc::new(answer));
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let (heard, answer) = (Arc::clone(&heard), Arc::clone(&answer));
            std::thread::spawn(move || {
                let request = read(&mut stream);
                heard.lock().unwrap().push(request.clone());
                let Some((status, body)) = answer(&request) else { return std::thread::sleep(FOR_EVER) };
                let _ = write!(
                    stream,
                    "HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
                    body.len()
                );
            });
        }
    });
    (url, asked)
}

fn read(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    let mut chunk = [0; 4096];
    loop {
        let length = stream.read(&mut chunk).unwrap_or_default();
        bytes.extend_from_slice(&chunk[..length]);
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let wanted = text
            .lines()
            .find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.trim().parse::<usize>().ok());
        let has = text.split_once("\r\n\r\n").map_or(0, |(_, body)| body.len());
        if length == 0 || text.contains("\r\n\r\n") && has >= wanted.unwrap_or(0) {
            return text;
        }
    }
}

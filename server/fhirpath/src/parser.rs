//! Tokens to the compiled form, by operator precedence. <http://hl7.org/fhirpath/N1/#operator-precedence>

use rust_decimal::Decimal;

use crate::ast::{Expr, Literal, Namespace, Operator, Step, TypeName};
use crate::error::FhirpathError;
use crate::functions::{Function, strings};
use crate::lexer::{Token, tokens};
use crate::operators::INTEGER_MIN;
use crate::quantity::{self, Quantity};
use crate::temporal::Temporal;

/// Nesting of brackets and arguments; the deepest R4 invariant has under ten.
const DEPTH_MAX: usize = 64;
/// Length of an expression: a chain of operators nests too, and evaluation recurses. The longest of R4 has 325.
const TOKENS_MAX: usize = 800;
const UNION_POWER: u8 = 7;
const TYPE_POWER: u8 = 8;
const UNARY_POWER: u8 = 11;

/// Reads an expression.
pub(crate) fn parse(source: &str) -> Result<Expr, FhirpathError> {
    let mut parser = Parser { tokens: tokens(source)?, position: 0, depth: 0 };
    if parser.tokens.len() > TOKENS_MAX {
        return parser.fault("the expression is too long");
    }
    let expression = parser.expression(0)?;
    match parser.peek() {
        Token::End => Ok(expression),
        _ => parser.fault("expected an operator or the end"),
    }
}

struct Parser {
    tokens: Vec<(Token, usize)>,
    position: usize,
    depth: usize,
}

impl Parser {
    fn peek(&self) -> &Token {
        self.tokens.get(self.position).map_or(&Token::End, |(token, _)| token)
    }

    fn advance(&mut self) -> Token {
        let token = self.peek().clone();
        self.position += 1;
        token
    }

    fn fault<T>(&self, reason: &str) -> Result<T, FhirpathError> {
        Err(FhirpathError::Syntax { offset: self.offset() as usize, reason: reason.to_owned() })
    }

    fn offset(&self) -> u32 {
        let offset = self.tokens.get(self.position).or(self.tokens.last()).map_or(0, |(_, offset)| *offset);
        u32::try_from(offset).unwrap_or(u32::MAX)
    }

    fn is_symbol(&self, symbol: &str) -> bool {
        matches!(self.peek(), Token::Symbol(found) if *found == symbol)
    }

    fn accept(&mut self, symbol: &str) -> bool {
        let is_found = self.is_symbol(symbol);
        self.position += usize::from(is_found);
        is_found
    }

    fn expect(&mut self, symbol: &str) -> Result<(), FhirpathError> {
        if self.accept(symbol) { Ok(()) } else { self.fault(&format!("expected `{symbol}`")) }
    }

    fn expression(&mut self, power_min: u8) -> Result<Expr, FhirpathError> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return self.fault("the expression is nested too deeply");
        }
        let mut left = self.operand()?;
        loop {
            left = self.invocations(left)?;
            let offset = self.offset();
            let name = match self.peek() {
                Token::Name(name) => name.as_str(),
                Token::Symbol(symbol) => symbol,
                _ => break,
            };
            if matches!(name, "is" | "as") {
                if TYPE_POWER < power_min {
                    break;
                }
                let is_test = name == "is";
                self.position += 1;
                let type_name = self.type_name()?;
                let value = Box::new(left);
                left = if is_test {
                    Expr::Is { value, type_name, offset }
                } else {
                    Expr::OfType { value: Some(value), type_name, is_single: true, offset }
                };
                continue;
            }
            let Some((operator, power)) = binary(name) else { break };
            if power < power_min {
                break;
            }
            self.position += 1;
            let right = self.expression(power + 1)?;
            left = Expr::Binary { operator, left: Box::new(left), right: Box::new(right), offset };
        }
        self.depth -= 1;
        Ok(left)
    }

    fn operand(&mut self) -> Result<Expr, FhirpathError> {
        let offset = self.offset();
        if self.accept("-") {
            return Ok(Expr::Negate { value: Box::new(self.expression(UNARY_POWER)?), offset });
        }
        if self.accept("+") {
            return self.expression(UNARY_POWER);
        }
        let is_call = matches!(self.tokens.get(self.position + 1), Some((Token::Symbol("("), _)));
        match self.advance() {
            Token::Symbol("(") => {
                let inner = self.expression(0)?;
                self.expect(")")?;
                Ok(inner)
            }
            Token::Symbol("{") => {
                self.expect("}")?;
                Ok(Expr::Empty)
            }
            Token::Name(name) if name == "true" => Ok(Expr::Literal(Literal::Boolean(true))),
            Token::Name(name) if name == "false" => Ok(Expr::Literal(Literal::Boolean(false))),
            Token::Name(name) if is_call => self.call(None, &name, offset),
            Token::Name(name) | Token::Quoted(name) => {
                Ok(Expr::Path { base: None, steps: vec![Step::new(&name, true, offset)] })
            }
            Token::Text(text) => Ok(Expr::Literal(Literal::String(text))),
            Token::Number(text) => self.number(&text),
            Token::Temporal(text) => self.temporal(&text),
            Token::Variable(name) => Ok(Expr::Variable { name, offset }),
            Token::Dollar(name) => self.dollar(&name),
            Token::Symbol(_) | Token::End => {
                self.position -= 1;
                self.fault("expected a value")
            }
        }
    }

    fn dollar(&self, name: &str) -> Result<Expr, FhirpathError> {
        match name {
            "this" => Ok(Expr::This),
            "index" => Ok(Expr::Index),
            "total" => Ok(Expr::Total),
            _ => self.fault("expected `$this`, `$index` or `$total`"),
        }
    }

    fn number(&mut self, text: &str) -> Result<Expr, FhirpathError> {
        let is_decimal = text.contains('.');
        let Ok(value) = Decimal::from_str_exact(text) else { return self.fault("the number is too large") };
        let unit = match self.peek() {
            Token::Text(unit) => Some(Quantity::new(value, unit)),
            Token::Name(word) => quantity::calendar_unit(word).map(|unit| Quantity::calendar(value, unit)),
            _ => None,
        };
        if let Some(quantity) = unit {
            self.position += 1;
            return Ok(Expr::Literal(Literal::Quantity(quantity)));
        }
        if is_decimal {
            return Ok(Expr::Literal(Literal::Decimal(value)));
        }
        match text.parse() {
            // An Integer has 32 bits; the lowest is written as the negative of one more than the highest.
            Ok(value) if value <= -INTEGER_MIN => Ok(Expr::Literal(Literal::Integer(value))),
            _ => self.fault("the whole number is too large: write it with a decimal point"),
        }
    }

    fn temporal(&self, text: &str) -> Result<Expr, FhirpathError> {
        let literal = match text.strip_prefix('T') {
            Some(time) => Temporal::parse_time(time).map(Literal::Time),
            None if text.contains('T') => Temporal::parse_date_time(text).map(Literal::DateTime),
            None => Temporal::parse_date(text).map(Literal::Date),
        };
        match literal {
            Some(literal) => Ok(Expr::Literal(literal)),
            None => self.fault("not a date or a time"),
        }
    }

    fn invocations(&mut self, mut left: Expr) -> Result<Expr, FhirpathError> {
        loop {
            let bracket = self.offset();
            if self.accept("[") {
                let index = Box::new(self.expression(0)?);
                self.expect("]")?;
                left = Expr::Item { base: Box::new(left), index, offset: bracket };
            } else if self.accept(".") {
                let is_call = matches!(self.tokens.get(self.position + 1), Some((Token::Symbol("("), _)));
                let offset = self.offset();
                left = match self.advance() {
                    Token::Name(name) if is_call => self.call(Some(Box::new(left)), &name, offset)?,
                    Token::Name(name) | Token::Quoted(name) => member(left, &name, offset),
                    _ => {
                        self.position -= 1;
                        return self.fault("expected a name");
                    }
                };
            } else {
                return Ok(left);
            }
        }
    }

    fn call(&mut self, base: Option<Box<Expr>>, name: &str, offset: u32) -> Result<Expr, FhirpathError> {
        self.expect("(")?;
        if matches!(name, "is" | "as" | "ofType") {
            let type_name = self.type_name()?;
            self.expect(")")?;
            return Ok(match name {
                "is" => Expr::Is { value: base.unwrap_or(Box::new(Expr::This)), type_name, offset },
                _ => Expr::OfType { value: base, type_name, is_single: name == "as", offset },
            });
        }
        let mut arguments = Vec::new();
        if !self.is_symbol(")") {
            arguments.push(self.argument(name)?);
            while self.accept(",") {
                arguments.push(self.argument(name)?);
            }
        }
        self.expect(")")?;
        let Some(function) = Function::named(name, arguments.len()) else {
            let reason = match Function::is_known(name) {
                true => format!("`{name}` does not take {} arguments", arguments.len()),
                false => format!("there is no function `{name}`"),
            };
            return Err(FhirpathError::Syntax { offset: offset as usize, reason });
        };
        let pattern = strings::constant_pattern(function, &arguments);
        Ok(Expr::Call { base, function, arguments, pattern, offset })
    }

    /// An argument; a key of `sort` may end with its direction, which is kept as for `-key`.
    fn argument(&mut self, function: &str) -> Result<Expr, FhirpathError> {
        let value = self.expression(0)?;
        let offset = self.offset();
        let direction = match self.peek() {
            Token::Name(word) if function == "sort" && matches!(word.as_str(), "asc" | "desc") => word.clone(),
            _ => return Ok(value),
        };
        self.position += 1;
        Ok(if direction == "desc" { Expr::Negate { value: Box::new(value), offset } } else { value })
    }

    fn type_name(&mut self) -> Result<TypeName, FhirpathError> {
        let first = self.name()?;
        if !self.is_symbol(".") {
            return Ok(TypeName { namespace: None, name: first });
        }
        let namespace = match first.as_str() {
            "FHIR" => Namespace::Fhir,
            "System" => Namespace::System,
            // `x is Patient.exists()` is not a qualified name.
            _ => return Ok(TypeName { namespace: None, name: first }),
        };
        self.position += 1;
        Ok(TypeName { namespace: Some(namespace), name: self.name()? })
    }

    fn name(&mut self) -> Result<String, FhirpathError> {
        match self.peek().clone() {
            Token::Name(name) | Token::Quoted(name) => {
                self.position += 1;
                Ok(name)
            }
            _ => self.fault("expected a type name"),
        }
    }
}

fn member(left: Expr, name: &str, offset: u32) -> Expr {
    match left {
        Expr::Path { base, mut steps } => {
            steps.push(Step::new(name, false, offset));
            Expr::Path { base, steps }
        }
        other => Expr::Path { base: Some(Box::new(other)), steps: vec![Step::new(name, false, offset)] },
    }
}

fn binary(name: &str) -> Option<(Operator, u8)> {
    Some(match name {
        "implies" => (Operator::Implies, 1),
        "or" => (Operator::Or, 2),
        "xor" => (Operator::Xor, 2),
        "and" => (Operator::And, 3),
        "in" => (Operator::In, 4),
        "contains" => (Operator::Contains, 4),
        "=" => (Operator::Equal, 5),
        "!=" => (Operator::NotEqual, 5),
        "~" => (Operator::Equivalent, 5),
        "!~" => (Operator::NotEquivalent, 5),
        "<" => (Operator::Less, 6),
        "<=" => (Operator::LessOrEqual, 6),
        ">" => (Operator::Greater, 6),
        ">=" => (Operator::GreaterOrEqual, 6),
        "|" => (Operator::Union, UNION_POWER),
        "+" => (Operator::Add, 9),
        "-" => (Operator::Subtract, 9),
        "&" => (Operator::Concatenate, 9),
        "*" => (Operator::Multiply, 10),
        "/" => (Operator::Divide, 10),
        "div" => (Operator::Div, 10),
        "mod" => (Operator::Mod, 10),
        _ => return None,
    })
}

//! Measures a server: requests in a second, and the latency that half and all but one in a hundred stayed under.
//!
//! ```text
//! cargo run --release --example load -p briq-serve                              # a trivial engine in this process
//! cargo run --release --example load -p briq-serve -- 127.0.0.1:8080 digits     # a server that runs, its own example
//! ```

use std::error::Error;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use briq_engine::{DataType, Engine, EngineError, GoldenExample, LoadedModel, Tensor, TensorSpec, Tolerance};
use briq_serve::{Options, PreparedListener, Server, Source};

const SECONDS: u64 = 3;
const CONNECTIONS: [usize; 2] = [1, 16];

type Failure = Box<dyn Error + Send + Sync>;

fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (address, model) = match arguments.as_slice() {
        [address, model] => (address.parse()?, model.clone()),
        _ => (serve_affine()?, "affine".to_owned()),
    };
    let request = example(address, &model)?;
    let sent = post(&model, "", &request);
    println!("{model} at {address}, {} bytes of JSON", request.len());
    measure("JSON", address, &sent)?;
    if arguments.is_empty() {
        let raw: Vec<u8> = [0.5_f32; 784].iter().flat_map(|value| value.to_le_bytes()).collect();
        measure("binary", address, &post(&model, "inference-header-content-length: 0\r\n", &raw))?;
    }
    Ok(())
}

/// `y = 2x + 1` over 784 values, of which ten come back: the traffic of a small classifier without its computing.
struct Affine {
    inputs: [TensorSpec; 1],
    outputs: [TensorSpec; 1],
}

impl Engine for Affine {
    fn inputs(&self) -> &[TensorSpec] {
        &self.inputs
    }

    fn outputs(&self) -> &[TensorSpec] {
        &self.outputs
    }

    fn backend(&self) -> &str {
        "plain"
    }

    fn infer(&self, inputs: &[Tensor]) -> Result<Vec<Tensor>, EngineError> {
        let x = inputs[0].as_f32()?;
        let y: Vec<f32> = x.iter().take(10).map(|x| 2.0 * x + 1.0).collect();
        Ok(vec![Tensor::from_f32("y", &[1, 10], &y)])
    }
}

fn affine(_: &str) -> Result<LoadedModel, EngineError> {
    let inputs = vec![Tensor::from_f32("x", &[1, 784], &[0.5; 784])];
    let outputs = vec![Tensor::from_f32("y", &[1, 10], &[2.0; 10])];
    Ok(LoadedModel {
        name: "affine".to_owned(),
        version: "1.0.0".to_owned(),
        digest: format!("blake3:{}", "0".repeat(64)),
        engine: Box::new(Affine {
            inputs: [TensorSpec::new("x", DataType::Fp32, &[-1, 784])],
            outputs: [TensorSpec::new("y", DataType::Fp32, &[-1, 10])],
        }),
        labels: None,
        golden: vec![GoldenExample { inputs, outputs }],
        tolerance: Tolerance::default(),
    })
}

fn serve_affine() -> Result<SocketAddr, Failure> {
    let listener = PreparedListener::bind("127.0.0.1:0".parse()?)?;
    let options = Options { models: vec![Source::new("affine")], ..Options::default() };
    let server = Server::bind(listener, affine, options)?;
    let address = server.address();
    // Ends with the process.
    thread::spawn(|| server.run());
    Ok(address)
}

fn post(model: &str, header: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let head = format!("POST /v2/models/{model}/infer HTTP/1.1\r\nhost: x\r\n{header}content-length: {length}\r\n\r\n");
    [head.as_bytes(), body].concat()
}

/// The request that the server itself offers as an example, once the model is up.
fn example(address: SocketAddr, model: &str) -> Result<Vec<u8>, Failure> {
    let request = format!("GET /status/{model}/example HTTP/1.1\r\nhost: x\r\n\r\n");
    let mut connection = BufReader::new(TcpStream::connect(address)?);
    loop {
        match exchange(&mut connection, request.as_bytes())? {
            (200, body) => return Ok(body),
            (503, _) => thread::yield_now(),
            (status, body) => return Err(format!("{status}: {}", String::from_utf8_lossy(&body)).into()),
        }
    }
}

fn measure(name: &str, address: SocketAddr, request: &[u8]) -> Result<(), Failure> {
    for connections in CONNECTIONS {
        let until = Instant::now() + Duration::from_secs(SECONDS);
        let run = |scope: &mut Vec<_>| {
            let request = request.to_vec();
            scope.push(thread::spawn(move || one(address, &request, until)));
        };
        let mut threads = Vec::new();
        (0..connections).for_each(|_| run(&mut threads));
        let mut taken = Vec::new();
        for thread in threads {
            taken.extend(thread.join().map_err(|_| "a connection panicked")??);
        }
        report(name, connections, &mut taken);
    }
    Ok(())
}

/// One connection that sends the next request when the answer to the last came. Returns how long each took.
fn one(address: SocketAddr, request: &[u8], until: Instant) -> Result<Vec<Duration>, Failure> {
    let stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    let mut connection = BufReader::new(stream);
    let mut taken = Vec::new();
    while Instant::now() < until {
        let start = Instant::now();
        let (status, body) = exchange(&mut connection, request)?;
        if status != 200 {
            return Err(String::from_utf8_lossy(&body).into_owned().into());
        }
        taken.push(start.elapsed());
    }
    Ok(taken)
}

fn exchange(connection: &mut BufReader<TcpStream>, request: &[u8]) -> Result<(u16, Vec<u8>), Failure> {
    connection.get_mut().write_all(request)?;
    let mut line = String::new();
    connection.read_line(&mut line)?;
    let status = line.split(' ').nth(1).ok_or("no status")?.parse()?;
    let mut length = 0;
    while line != "\r\n" {
        line.clear();
        connection.read_line(&mut line)?;
        if let Some(value) = line.strip_prefix("content-length: ") {
            length = value.trim().parse()?;
        }
    }
    let mut body = vec![0; length];
    connection.read_exact(&mut body)?;
    Ok((status, body))
}

fn report(name: &str, connections: usize, taken: &mut [Duration]) {
    taken.sort();
    let at = |share: f64| taken[(share * (taken.len() - 1) as f64) as usize].as_secs_f64() * 1e3;
    let rate = taken.len() as u64 / SECONDS;
    println!(
        "{name:>6}, {connections:>2} connections: {rate:>6} requests/s, p50 {:.3} ms, p99 {:.3} ms, longest {:.3} ms",
        at(0.5),
        at(0.99),
        at(1.0),
    );
}

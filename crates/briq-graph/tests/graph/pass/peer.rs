//! ONNX Runtime and the reference evaluator of ONNX, as a process that is asked again and again.
//!
//! `BRIQ_PYTHON` names the interpreter; without `onnxruntime` and `onnx` in it the tests say that they were skipped.

use std::borrow::Cow;
use std::io::{Read, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use briq_graph::onnx::{self, Datum};
use briq_graph::pass::Evaluate;
use briq_graph::{Form, Graph, Initializer};

/// The process; it ends when its input does.
pub(super) struct Peer {
    child: Child,
    input: Option<ChildStdin>,
    output: ChildStdout,
}

impl Peer {
    /// The process, if there is a Python that has what is needed.
    pub(super) fn start() -> Option<Self> {
        let python = crate::runtime::python()?;
        let mut command = Command::new(python);
        command.args(["-c", include_str!("peer.py")]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let (input, output) = (child.stdin.take(), child.stdout.take().unwrap());
        Some(Self { child, input, output })
    }

    /// The largest difference between what two graphs compute, against the largest number that comes out.
    pub(super) fn compare(&mut self, before: &Graph, after: &Graph) -> f64 {
        self.ask(b"C", &[before, after]).unwrap();
        f64::from_le_bytes(self.bytes(8).try_into().unwrap())
    }

    fn ask(&mut self, command: &[u8], graphs: &[&Graph]) -> Result<(), String> {
        let input = self.input.as_mut().unwrap();
        input.write_all(command).unwrap();
        for graph in graphs {
            let model = onnx::encode(graph).unwrap();
            input.write_all(&(model.len() as u32).to_le_bytes()).unwrap();
            input.write_all(&model).unwrap();
        }
        input.flush().unwrap();
        match self.bytes(1).as_slice() {
            b"+" => Ok(()),
            _ => {
                let text = self.counted();
                Err(String::from_utf8(text).unwrap())
            }
        }
    }

    fn bytes(&mut self, count: usize) -> Vec<u8> {
        let mut bytes = vec![0; count];
        self.output.read_exact(&mut bytes).unwrap();
        bytes
    }

    fn number(&mut self) -> usize {
        u32::from_le_bytes(self.bytes(4).try_into().unwrap()) as usize
    }

    fn counted(&mut self) -> Vec<u8> {
        let length = self.number();
        self.bytes(length)
    }
}

impl Evaluate for Peer {
    fn bytes<'a>(&'a self, initializer: &'a Initializer) -> Option<Cow<'a, [u8]>> {
        initializer.inline().map(Cow::Borrowed)
    }

    fn evaluate(&mut self, graph: &Graph) -> Option<Vec<Initializer>> {
        self.ask(b"E", &[graph]).map_err(|error| println!("not folded: {error}")).ok()?;
        let count = self.number();
        let tensors = (0..count).map(|_| match Datum::decode(&self.counted(), Form::Tensor).unwrap() {
            Datum::Tensor(tensor) => tensor,
            other => panic!("{other:?} is no tensor"),
        });
        Some(tensors.collect())
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.input.take();
        let _ = self.child.wait();
    }
}

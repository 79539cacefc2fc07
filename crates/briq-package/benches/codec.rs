//! What the code for numbers saves on weights and their fine-tunes, and how fast it is read.
//!
//! `cargo bench -p briq-package --bench codec` does so with weights in a bell's shape that moved a little from their base;
//! `… -- TUNED.briq [BASE.briq]` with packages, which are sent and expanded as a whole. Times are the least of several,
//! on two threads.

use std::path::Path;
use std::time::{Duration, Instant};

use briq_package::codec::{self, Coding, Rule};
use briq_package::parcel::{self, Parcel};
use briq_package::{Package, PackageError};

/// How many weights there are.
const COUNT: usize = 32 << 20;
/// How often each case is repeated.
const ROUNDS: usize = 5;

/// Sums of six numbers, so in a bell's shape around zero, of this width.
fn bell(seed: u32, width: f32) -> impl Iterator<Item = f32> {
    let mut state = seed;
    let mut next = move || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / (1 << 24) as f32
    };
    std::iter::repeat_with(move || ((0..6).map(|_| next()).sum::<f32>() - 3.0) * width)
}

fn least<T>(mut work: impl FnMut() -> T) -> (Duration, T) {
    let mut timed = || {
        let start = Instant::now();
        let done = work();
        (start.elapsed(), done)
    };
    let first = timed();
    (1..ROUNDS).fold(first, |best, _| {
        let next = timed();
        if next.0 < best.0 { next } else { best }
    })
}

fn speed(bytes: usize, time: Duration) -> f64 {
    bytes as f64 / time.as_secs_f64() / 1e9
}

fn case(name: &str, coding: Coding, numbers: &[u8], base: Option<&[u8]>) {
    let (encoding, coded) = least(|| codec::encode(coding, numbers, base));
    let (decoding, decoded) = least(|| codec::decode(coding, &coded, base, numbers.len()));
    assert!(decoded.is_ok_and(|decoded| decoded == numbers), "{name} does not come back");
    let ratio = coded.len() as f64 / numbers.len() as f64 * 100.0;
    let (encoding, decoding) = (speed(numbers.len(), encoding), speed(numbers.len(), decoding));
    println!("{ratio:6.1} %  {encoding:6.2} GB/s written  {decoding:6.2} GB/s read  {name}");
}

fn synthetic() {
    let base: Vec<f32> = bell(1, 0.05).take(COUNT).collect();
    let tuned: Vec<f32> = base.iter().zip(bell(2, 1e-4)).map(|(weight, step)| weight + step).collect();
    let single = |numbers: &[f32]| numbers.iter().flat_map(|number| number.to_le_bytes()).collect::<Vec<u8>>();
    let brain = |numbers: &[f32]| {
        let rounded = |number: &f32| ((number.to_bits() + 0x7fff + (number.to_bits() >> 16 & 1)) >> 16) as u16;
        numbers.iter().flat_map(|number| rounded(number).to_le_bytes()).collect::<Vec<u8>>()
    };
    for (datatype, width, base, tuned) in
        [("f32", 4, single(&base), single(&tuned)), ("bf16", 2, brain(&base), brain(&tuned))]
    {
        let coding = |rule| Coding { width, rule };
        case(&format!("{datatype} alone"), coding(Rule::Difference), &tuned, None);
        case(&format!("{datatype} from its base, by xor"), coding(Rule::Xor), &tuned, Some(&base));
        case(&format!("{datatype} from its base, by difference"), coding(Rule::Difference), &tuned, Some(&base));
    }
}

fn package(file: &Path, base: Option<&Path>) -> Result<(), PackageError> {
    let (package, base) = (Package::open(file)?, base.map(Package::open).transpose()?);
    let mut sent = Vec::new();
    let (writing, coded) = least(|| {
        sent.clear();
        parcel::encode(&package, base.as_ref(), &mut sent)
    });
    let coded = coded?;
    let parcel = Parcel::from_bytes(sent)?;
    let target = file.with_extension("expanded");
    let (reading, expanded) = least(|| parcel.expand(base.as_ref(), &target));
    let size = expanded?.size;
    assert!(std::fs::read(&target).ok() == std::fs::read(file).ok(), "what is expanded is another file");
    std::fs::remove_file(&target).expect("it was just written");
    let ratio = coded.size as f64 / size as f64 * 100.0;
    let (writing, reading) = (speed(size as usize, writing), speed(size as usize, reading));
    println!(
        "{ratio:6.1} %  {writing:6.2} GB/s coded  {reading:6.2} GB/s expanded, checked and on the disk  {}",
        file.display()
    );
    Ok(())
}

fn main() -> Result<(), PackageError> {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(2).build().expect("threads start");
    let files: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with("--")).collect();
    pool.install(|| match files.as_slice() {
        [] => {
            synthetic();
            Ok(())
        }
        [file, base @ ..] => package(Path::new(file), base.first().map(Path::new)),
    })
}

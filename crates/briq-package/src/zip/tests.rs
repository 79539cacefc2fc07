#![expect(clippy::unwrap_used, reason = "a test that unwraps nothing fails, as it should")]

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::process::Command;

use memmap2::{MmapMut, MmapOptions};

use super::{Directory, Item, Layout};
use crate::error::Fault;

const HUGE: u64 = 5 << 30;

fn item(path: &str, size: u64, crc32: u32) -> Item {
    Item { path: path.parse().unwrap(), size, crc32 }
}

/// A huge entry between two small ones: a size and an offset that 32 bits do not hold.
fn huge() -> Layout {
    let small = |path| item(path, 5, crc32fast::hash(b"small"));
    Layout::new(vec![small("a"), item("b.safetensors", HUGE, 0), small("c")]).unwrap()
}

/// The layout as a file in which the huge entry is a hole.
fn write(layout: &Layout, file: &File) {
    for index in 0..layout.items().len() {
        file.write_all_at(&layout.header(index), layout.header_at(index)).unwrap();
        if layout.items()[index].size == 5 {
            file.write_all_at(b"small", layout.data(index).start).unwrap();
        }
    }
    file.write_all_at(&layout.tail(), layout.directory_at()).unwrap();
}

fn check(zip: &[u8]) -> Result<Layout, Fault> {
    let directory = Directory::read(zip)?;
    directory.into_layout(zip)
}

/// A copy of the file's pages that can be changed without changing the file.
fn map(file: &File) -> MmapMut {
    // SAFETY: the file is this test's own, and nobody changes it meanwhile.
    unsafe { MmapOptions::new().map_copy(file).unwrap() }
}

#[test]
fn huge_entries_are_read_back() {
    let file = tempfile::tempfile().unwrap();
    let layout = huge();
    write(&layout, &file);
    let read = check(&map(&file)).unwrap();
    assert_eq!(read.items(), layout.items());
    assert_eq!(read.data(1).start % 4096, 0);
    assert!(read.data(2).start > HUGE);
}

/// A change that makes the Zip seem to begin later is refused by whoever allowed nothing before it.
#[test]
fn rejects_every_flipped_byte_of_zip64_records() {
    let file = tempfile::tempfile().unwrap();
    let layout = huge();
    write(&layout, &file);
    let mut zip = map(&file);
    let headers = (0..3).flat_map(|index| layout.header_at(index)..layout.data(index).start);
    for at in headers.chain(layout.directory_at()..zip.len() as u64).map(|at| at as usize) {
        zip[at] ^= 0x10;
        let refused = Directory::read(&zip).is_ok_and(|directory| directory.prefix > 0) || check(&zip).is_err();
        assert!(refused, "byte {at}");
        zip[at] ^= 0x10;
    }
}

#[test]
fn python_reads_a_huge_entry() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let layout = huge();
    write(&layout, file.as_file());
    let script = "import sys, zipfile; z = zipfile.ZipFile(sys.argv[1]); \
                  print([(i.filename, i.file_size) for i in z.infolist()], z.read('c'), z.open('b.safetensors').read(3))";
    let Ok(output) = Command::new("python3").args(["-c", script]).arg(file.path()).output() else {
        println!("skipped: python3 is not installed");
        return;
    };
    let text = String::from_utf8(output.stdout).unwrap();
    let due = format!("[('a', 5), ('b.safetensors', {HUGE}), ('c', 5)] b'small' b'\\x00\\x00\\x00'\n");
    assert_eq!(text, due, "{}", String::from_utf8_lossy(&output.stderr));
}

/// The bounds at which a value moves to a Zip64 record are the format's own.
#[test]
fn zip64_begins_where_32_bits_end() {
    let header = |size| Layout::new(vec![item("a", size, 0)]).unwrap().header(0);
    assert_eq!(header(0xffff_fffe)[18..22], [0xfe, 0xff, 0xff, 0xff]);
    assert_eq!(header(0xffff_fffe)[31..33], [0x35, 0xd9]);
    assert_eq!(header(0xffff_ffff)[18..22], [0xff; 4]);
    assert_eq!(header(0xffff_ffff)[31..35], [1, 0, 16, 0]);
}

#[test]
fn rejects_sizes_that_no_file_has() {
    let huge = |path| item(path, u64::MAX - 100_000, 0);
    assert!(Layout::new(vec![huge("a"), huge("b")]).is_none());
    assert!(Layout::new(vec![item("a", u64::MAX, 0)]).is_none());
}

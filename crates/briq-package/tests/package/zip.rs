//! A second writer of the format, from its description alone, that can also write what is not allowed.

use briq_package::example;
use briq_spec::manifest::Entry;
use briq_spec::{Blake3Digest, Manifest, Sha256Digest};
use sha2::{Digest, Sha256};

use super::kit;

/// One entry, and how it deviates.
#[derive(Clone)]
pub(crate) struct Member {
    pub(crate) name: Vec<u8>,
    pub(crate) data: Vec<u8>,
    pub(crate) flags: u16,
    pub(crate) method: u16,
    pub(crate) mode: u32,
    pub(crate) comment: Vec<u8>,
    /// Added to the offset that the directory gives.
    pub(crate) shift: i64,
    /// Zeros in front of the header.
    pub(crate) gap: usize,
}

pub(crate) fn member(name: &str, data: &[u8]) -> Member {
    let (name, data) = (name.as_bytes().to_vec(), data.to_vec());
    Member { name, data, flags: 0x800, method: 0, mode: 0o100_644, comment: Vec::new(), shift: 0, gap: 0 }
}

/// The manifest that lists these entries.
pub(crate) fn manifest(contents: &[(&str, Vec<u8>)]) -> Manifest {
    let entry = |(name, bytes): &(&str, Vec<u8>)| Entry {
        path: kit::path(name),
        size: bytes.len() as u64,
        blake3: Blake3Digest::from_bytes(blake3::hash(bytes).into()),
        sha256: Sha256Digest::from_bytes(Sha256::digest(bytes).into()),
    };
    Manifest { entries: contents.iter().map(entry).collect(), ..example::manifest() }
}

/// The members of the small package.
pub(crate) fn members() -> Vec<Member> {
    let contents = kit::contents();
    let manifest = member("briq.json", &manifest(&contents).to_canonical_json());
    std::iter::once(manifest).chain(contents.iter().map(|(name, data)| member(name, data))).collect()
}

pub(crate) fn zip(members: &[Member]) -> Vec<u8> {
    let (mut bytes, mut directory) = (Vec::new(), Vec::new());
    for member in members {
        bytes.resize(bytes.len() + member.gap, 0);
        let header_at = bytes.len();
        bytes.extend(local(member, header_at));
        bytes.extend(&member.data);
        directory.extend(central(member, header_at));
    }
    let count = (members.len() as u16).to_le_bytes();
    let sizes = [directory.len() as u32, bytes.len() as u32];
    bytes.extend(directory);
    bytes.extend(b"PK\x05\x06\0\0\0\0");
    bytes.extend([count, count].concat());
    sizes.iter().for_each(|size| bytes.extend(size.to_le_bytes()));
    bytes.extend([0, 0]);
    bytes
}

fn local(member: &Member, header_at: usize) -> Vec<u8> {
    let alignment = if member.name.ends_with(b".safetensors") { 4096 } else { 64 };
    let unpadded = header_at + 30 + member.name.len() + 6;
    let padding = unpadded.next_multiple_of(alignment) - unpadded;
    let mut bytes = b"PK\x03\x04".to_vec();
    bytes.extend(shared(member, 6 + padding));
    bytes.extend(&member.name);
    bytes.extend([0x35, 0xd9]);
    bytes.extend((2 + padding as u16).to_le_bytes());
    bytes.extend((alignment as u16).to_le_bytes());
    bytes.resize(bytes.len() + padding, 0);
    bytes
}

fn central(member: &Member, header_at: usize) -> Vec<u8> {
    let mut bytes = b"PK\x01\x02\x2d\x03".to_vec();
    bytes.extend(shared(member, 0));
    bytes.extend((member.comment.len() as u16).to_le_bytes());
    bytes.extend([0; 4]);
    bytes.extend((member.mode << 16).to_le_bytes());
    bytes.extend((header_at as i64 + member.shift).to_le_bytes().split_at(4).0);
    bytes.extend(&member.name);
    bytes.extend(&member.comment);
    bytes
}

fn shared(member: &Member, extra: usize) -> Vec<u8> {
    let size = (member.data.len() as u32).to_le_bytes();
    let mut bytes = Vec::new();
    [20, member.flags, member.method, 0, 0x21].iter().for_each(|field: &u16| bytes.extend(field.to_le_bytes()));
    bytes.extend(crc32fast::hash(&member.data).to_le_bytes());
    bytes.extend([size, size].concat());
    [member.name.len() as u16, extra as u16].iter().for_each(|field| bytes.extend(field.to_le_bytes()));
    bytes
}

#[test]
fn two_writers_write_the_same_package() {
    assert_eq!(zip(&members()), kit::bytes());
}

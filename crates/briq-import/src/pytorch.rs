//! What `torch.save` writes: an archive of one pickle and its storages, or, before PyTorch 1.6, several pickles in a row.

use std::borrow::Cow;
use std::collections::HashMap;

use briq_graph::ElementType;

use crate::archive::Archive;
use crate::cursor::Cursor;
use crate::pickle::{Id, Object, Pickle, STORAGES};
use crate::tensor::advance;
use crate::{FileKind, ImportError, StateDict, Tensor, sniff};

/// The integer that a file of the old form begins with.
pub(crate) const LEGACY_MAGIC: [u8; 10] = [0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19];

/// The keys under which training scripts keep the parameters beside an epoch, an optimiser and the like.
const WRAPPERS: [&str; 6] = ["state_dict", "model_state_dict", "model", "net", "module", "params"];

/// How deep dictionaries may lie within one another.
const MAX_DEPTH: usize = 8;

/// Tied parameters are held once each, so all of them may take this many times the file.
const MAX_COPIES: usize = 16;

/// Reads the parameters of a file that `torch.save` wrote.
///
/// A checkpoint that keeps them under `state_dict`, `model` or a similar key is looked into; the notes say so.
///
/// # Errors
/// When the file is of another kind or damaged, holds a whole model or a program rather than parameters, or names a
/// function that has nothing to do with tensors.
pub fn read(bytes: &[u8]) -> Result<StateDict, ImportError> {
    sniff::expect(bytes, FileKind::PyTorch)?;
    if bytes.starts_with(b"PK") { Source::archive(bytes)?.state_dict() } else { Source::legacy(bytes)?.state_dict() }
}

/// A pickle with the bytes of its storages, by key.
struct Source<'a> {
    pickle: Pickle,
    storages: HashMap<String, Cow<'a, [u8]>>,
    left: usize,
}

/// A storage as the pickle names it.
struct Storage<'s> {
    element: ElementType,
    bytes: &'s [u8],
}

impl<'a> Source<'a> {
    fn archive(bytes: &'a [u8]) -> Result<Self, ImportError> {
        let archive = Archive::open(bytes)?;
        let folder = archive.names().find_map(|name| name.strip_suffix("data.pkl")).map(str::to_owned);
        let folder = folder.ok_or_else(|| ImportError::malformed("the archive has no data.pkl"))?;
        if archive.names().any(|name| name == format!("{folder}constants.pkl")) {
            return Err(ImportError::unsupported("the file is a TorchScript program").advise(
                "save parameters only: torch.save(model.state_dict(), …); or export the model with torch.onnx",
            ));
        }
        if archive.read(&format!("{folder}byteorder"))?.is_some_and(|order| order.as_ref() != b"little") {
            return Err(ImportError::unsupported("the file was written on a big-endian machine"));
        }
        let described = archive.read(&format!("{folder}data.pkl"))?.unwrap_or_default();
        let (pickle, _) = Pickle::read(&described)?;
        let prefix = format!("{folder}data/");
        let keys = archive.names().filter_map(|name| name.strip_prefix(&prefix));
        let read = |key: &str| Ok((key.to_owned(), archive.read(&format!("{prefix}{key}"))?.unwrap_or_default()));
        let storages = keys.map(read).collect::<Result<_, ImportError>>()?;
        Ok(Self { pickle, storages, left: bytes.len().saturating_mul(MAX_COPIES) })
    }

    /// Magic, version, system, the object, the keys of the storages; then each storage with its length.
    fn legacy(bytes: &'a [u8]) -> Result<Self, ImportError> {
        let mut rest = bytes;
        let mut next = || {
            let (pickle, length) = Pickle::read(rest)?;
            rest = &rest[length..];
            Ok::<_, ImportError>(pickle)
        };
        for _ in 0..3 {
            next()?;
        }
        let (pickle, keys) = (next()?, next()?);
        let names = keys.items(keys.root()).unwrap_or_default();
        let sizes = element_sizes(&pickle);
        let mut cursor = Cursor::new(rest, "a storage");
        let mut storages = HashMap::new();
        for key in names.iter().filter_map(|&id| keys.text(id)) {
            let count = cursor.length(8)?;
            let unknown = || ImportError::malformed(format!("no tensor uses storage {key}"));
            let size = sizes.get(key).ok_or_else(unknown)?;
            storages.insert(key.to_owned(), Cow::Borrowed(cursor.take(count.saturating_mul(*size))?));
        }
        Ok(Self { pickle, storages, left: bytes.len().saturating_mul(MAX_COPIES) })
    }

    fn state_dict(mut self) -> Result<StateDict, ImportError> {
        let mut state = StateDict { ordered: true, ..StateDict::default() };
        let root = self.parameters(&mut state.notes)?;
        self.collect(root, "", 0, &mut state.tensors)?;
        if state.tensors.is_empty() {
            return Err(ImportError::unsupported("the file holds no parameters")
                .advise("save them with torch.save(model.state_dict(), …)"));
        }
        Ok(state)
    }

    /// The dict of parameters: the outermost, or one that a training script wrapped.
    fn parameters(&self, notes: &mut Vec<String>) -> Result<Id, ImportError> {
        let root = self.pickle.root();
        let no_dict = || ImportError::unsupported("the file holds no dictionary of parameters");
        let members = self.pickle.members(root).ok_or_else(no_dict)?;
        if members.iter().any(|(_, id)| matches!(self.pickle.object(*id), Object::Tensor(_))) {
            return Ok(root);
        }
        let member = |key: &&str| members.iter().find(|(name, id)| name == key && self.pickle.members(*id).is_some());
        let Some((key, id)) = WRAPPERS.iter().find_map(member) else { return Ok(root) };
        notes.push(format!("the parameters were taken from the key `{key}`"));
        Ok(*id)
    }

    fn collect(&mut self, dict: Id, prefix: &str, depth: usize, tensors: &mut Vec<Tensor>) -> Result<(), ImportError> {
        if depth > MAX_DEPTH {
            return Err(ImportError::malformed(format!("the dictionaries lie more than {MAX_DEPTH} deep")));
        }
        let members = self.pickle.members(dict).unwrap_or_default();
        let names: usize = members.iter().map(|(key, _)| prefix.len() + key.len()).sum();
        // One dictionary may be a member of many.
        let left = self.left.checked_sub(names + self.pickle.length(dict));
        self.left = left.ok_or_else(|| ImportError::malformed("the dictionaries of the file repeat it too often"))?;
        let members: Vec<(String, Id)> = members.into_iter().map(|(key, id)| (format!("{prefix}{key}"), id)).collect();
        for (name, id) in members {
            match self.pickle.object(id) {
                Object::Tensor(arguments) => {
                    let tensor = self.tensor(&name, &arguments.clone())?;
                    tensors.push(tensor);
                }
                Object::Dict(_) => self.collect(id, &format!("{name}."), depth + 1, tensors)?,
                _ => {}
            }
        }
        Ok(())
    }

    fn tensor(&mut self, name: &str, arguments: &[Id]) -> Result<Tensor, ImportError> {
        let malformed = || ImportError::malformed(format!("tensor `{name}` is not described as a tensor"));
        let &[storage, offset, size, stride, ..] = arguments else { return Err(malformed()) };
        let storage = self.storage(storage).ok_or_else(malformed)?;
        let offset = self.pickle.int(offset).and_then(|offset| usize::try_from(offset).ok()).ok_or_else(malformed)?;
        let lengths = |id| {
            let numbers = self.pickle.ints(id)?.into_iter();
            numbers.map(|number| usize::try_from(number).ok()).collect::<Option<Vec<_>>>()
        };
        let (shape, strides) = lengths(size).zip(lengths(stride)).ok_or_else(malformed)?;
        let data = gathered(&storage, offset, &shape, &strides, self.left);
        let data = data.ok_or_else(|| ImportError::malformed(format!("tensor `{name}` lies outside its storage")))?;
        let element = storage.element;
        self.left -= data.len();
        Ok(Tensor { name: name.to_owned(), element, shape, data })
    }

    fn storage(&self, id: Id) -> Option<Storage<'_>> {
        let (_, element, key) = storage_parts(&self.pickle, id)?;
        Some(Storage { element, bytes: self.storages.get(key)? })
    }
}

/// The tuple `('storage', class, key, device, count)` behind a persistent identifier.
fn storage_parts(pickle: &Pickle, id: Id) -> Option<(&str, ElementType, &str)> {
    let Object::Persistent(tuple) = pickle.object(id) else { return None };
    let &[kind, class, key, ..] = pickle.items(*tuple)? else { return None };
    let class = pickle.text(class)?;
    let (_, element) = STORAGES.iter().find(|(name, _)| *name == class)?;
    Some((pickle.text(kind)?, *element, pickle.text(key)?))
}

/// The bytes of an element of each storage, by key.
fn element_sizes(pickle: &Pickle) -> HashMap<String, usize> {
    let parts = pickle.ids().filter_map(|id| storage_parts(pickle, id));
    parts.map(|(_, element, key)| (key.to_owned(), element.bits() / 8)).collect()
}

/// The elements of a view into a storage, row-major; nothing where it reaches outside or would take more than `limit`.
fn gathered(storage: &Storage<'_>, offset: usize, shape: &[usize], strides: &[usize], limit: usize) -> Option<Vec<u8>> {
    let size = storage.element.bits() / 8;
    let count = shape.iter().try_fold(1_usize, |count, &length| count.checked_mul(length))?;
    let bytes = count.checked_mul(size).filter(|bytes| *bytes <= limit)?;
    if shape.len() != strides.len() || count == 0 {
        return (shape.len() == strides.len()).then(Vec::new);
    }
    let reach = shape
        .iter()
        .zip(strides)
        .try_fold(offset, |reach, (length, stride)| reach.checked_add((length - 1).checked_mul(*stride)?))?;
    storage.bytes.get(..reach.checked_add(1)?.checked_mul(size)?)?;
    let mut index = vec![0; shape.len()];
    let mut data = Vec::with_capacity(bytes);
    for _ in 0..count {
        let at = offset + index.iter().zip(strides).map(|(index, stride)| index * stride).sum::<usize>();
        data.extend_from_slice(&storage.bytes[at * size..(at + 1) * size]);
        advance(&mut index, shape);
    }
    Some(data)
}

//! The stack machine.

use std::collections::HashMap;

use super::opcode as op;
use super::{Id, MAX_OBJECTS, OPAQUE, ORDERED_DICT, Object, Pickle, REBUILD, TRANSPARENT, allowed};
use crate::ImportError;
use crate::cursor::Cursor;

/// A pickle while it is read.
pub(super) struct Machine<'a> {
    cursor: Cursor<'a>,
    objects: Vec<Object>,
    stack: Vec<Id>,
    /// Where on the stack marks stand.
    marks: Vec<usize>,
    memo: HashMap<u32, Id>,
    /// How many references calls have copied out of their arguments.
    copied: usize,
}

/// Whether an opcode belonged to the family that was asked.
type Handled = Result<bool, ImportError>;

impl<'a> Machine<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        let cursor = Cursor::new(bytes, "a pickle");
        Self { cursor, objects: Vec::new(), stack: Vec::new(), marks: Vec::new(), memo: HashMap::new(), copied: 0 }
    }

    pub(super) fn run(mut self) -> Result<(Pickle, usize), ImportError> {
        loop {
            let opcode = self.cursor.u8()?;
            if opcode == op::STOP {
                let root = self.pop()?;
                return Ok((Pickle { objects: self.objects, root }, self.cursor.position()));
            }
            let handled = self.framing(opcode)?
                || self.number(opcode)?
                || self.text(opcode)?
                || self.collection(opcode)?
                || self.memory(opcode)?
                || self.call(opcode)?;
            if !handled {
                let at = self.cursor.position() - 1;
                return Err(ImportError::unsupported(format!("the pickle has opcode 0x{opcode:02x} at byte {at}"))
                    .advise("save it again with a current PyTorch: torch.save(model.state_dict(), …)"));
            }
        }
    }

    fn framing(&mut self, opcode: u8) -> Handled {
        match opcode {
            op::PROTO => match self.cursor.u8()? {
                2..=5 => {}
                other => return Err(ImportError::unsupported(format!("the pickle is of protocol {other}"))),
            },
            op::FRAME => self.cursor.skip(8)?,
            op::MARK => self.marks.push(self.stack.len()),
            op::POP => {
                self.pop()?;
            }
            op::POP_MARK => {
                self.since_mark()?;
            }
            op::DUP => self.stack.push(self.top()?),
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn number(&mut self, opcode: u8) -> Handled {
        let object = match opcode {
            op::NONE | op::NEWTRUE | op::NEWFALSE => Object::Opaque,
            op::BININT => Object::Int(i64::from(self.cursor.u32()? as i32)),
            op::BININT1 => Object::Int(i64::from(self.cursor.u8()?)),
            op::BININT2 => Object::Int(i64::from(self.cursor.u16()?)),
            op::LONG1 => {
                let length = usize::from(self.cursor.u8()?);
                long(self.cursor.take(length)?)
            }
            op::BINFLOAT => {
                self.cursor.skip(8)?;
                Object::Opaque
            }
            _ => return Ok(false),
        };
        self.push(object)
    }

    fn text(&mut self, opcode: u8) -> Handled {
        let width = match opcode {
            op::SHORT_BINUNICODE | op::SHORT_BINSTRING | op::SHORT_BINBYTES => 1,
            op::BINUNICODE | op::BINSTRING | op::BINBYTES => 4,
            op::BINUNICODE8 | op::BINBYTES8 => 8,
            _ => return Ok(false),
        };
        let length = self.cursor.length(width)?;
        let bytes = self.cursor.take(length)?;
        let object = match opcode {
            op::BINBYTES | op::SHORT_BINBYTES | op::BINBYTES8 => Object::Opaque,
            _ => Object::Text(String::from_utf8_lossy(bytes).into_owned()),
        };
        self.push(object)
    }

    fn collection(&mut self, opcode: u8) -> Handled {
        let object = match opcode {
            op::EMPTY_TUPLE => Object::Tuple(Vec::new()),
            op::TUPLE1 => Object::Tuple(self.last(1)?),
            op::TUPLE2 => Object::Tuple(self.last(2)?),
            op::TUPLE3 => Object::Tuple(self.last(3)?),
            op::TUPLE => Object::Tuple(self.since_mark()?),
            op::EMPTY_LIST | op::EMPTY_SET => Object::List(Vec::new()),
            op::LIST => Object::List(self.since_mark()?),
            op::EMPTY_DICT => Object::Dict(Vec::new()),
            op::DICT => Object::Dict(pairs(&self.since_mark()?)),
            op::APPEND | op::APPENDS | op::ADDITEMS | op::SETITEM | op::SETITEMS => return self.extend(opcode),
            _ => return Ok(false),
        };
        self.push(object)
    }

    fn extend(&mut self, opcode: u8) -> Handled {
        let items = match opcode {
            op::APPEND => self.last(1)?,
            op::SETITEM => self.last(2)?,
            _ => self.since_mark()?,
        };
        let target = self.top()?;
        match (&mut self.objects[target], opcode) {
            (Object::List(list), op::APPEND | op::APPENDS | op::ADDITEMS) => list.extend(items),
            (Object::Dict(entries), op::SETITEM | op::SETITEMS) => entries.extend(pairs(&items)),
            (Object::Opaque, _) => {}
            _ => return Err(ImportError::malformed("the pickle fills something that is no list and no dict")),
        }
        Ok(true)
    }

    fn memory(&mut self, opcode: u8) -> Handled {
        let key = match opcode {
            op::BINPUT | op::BINGET => u32::from(self.cursor.u8()?),
            op::LONG_BINPUT | op::LONG_BINGET => self.cursor.u32()?,
            op::MEMOIZE => self.memo.len() as u32,
            _ => return Ok(false),
        };
        if matches!(opcode, op::BINGET | op::LONG_BINGET) {
            let unknown = || ImportError::malformed(format!("the pickle remembers nothing as {key}"));
            self.stack.push(*self.memo.get(&key).ok_or_else(unknown)?);
        } else {
            self.memo.insert(key, self.top()?);
        }
        Ok(true)
    }

    fn call(&mut self, opcode: u8) -> Handled {
        match opcode {
            op::GLOBAL => {
                let [module, name] = [self.cursor.until(b'\n')?, self.cursor.until(b'\n')?];
                self.global(&String::from_utf8_lossy(module), &String::from_utf8_lossy(name))
            }
            op::STACK_GLOBAL => {
                let parts = self.last(2)?;
                let [Object::Text(module), Object::Text(name)] =
                    [parts[0], parts[1]].map(|id| self.objects[id].clone())
                else {
                    return Err(ImportError::malformed("the pickle names a function by something else than text"));
                };
                self.global(&module, &name)
            }
            op::REDUCE | op::NEWOBJ => self.reduce(),
            op::BUILD => self.build(),
            op::BINPERSID => {
                let id = self.pop()?;
                self.push(Object::Persistent(id))
            }
            _ => Ok(false),
        }
    }

    fn global(&mut self, module: &str, name: &str) -> Handled {
        let full = format!("{module}.{name}");
        if allowed(&full) {
            return self.push(Object::Global(full));
        }
        let hint = if module.starts_with("torch.nn") || module == "__main__" || !module.starts_with("torch") {
            "save parameters only: torch.save(model.state_dict(), …); or export the model with torch.onnx"
        } else {
            "save parameters only: torch.save(model.state_dict(), …)"
        };
        Err(ImportError::unsupported(format!("the pickle wants to call `{full}`, and nothing but tensors is read"))
            .advise(hint))
    }

    fn reduce(&mut self) -> Handled {
        let parts = self.last(2)?;
        let (Object::Global(function), Object::Tuple(arguments)) = (&self.objects[parts[0]], &self.objects[parts[1]])
        else {
            return Err(ImportError::malformed("the pickle calls something that is no function"));
        };
        let object = match function.as_str() {
            ORDERED_DICT => Object::Dict(self.ordered(arguments)),
            name if REBUILD.contains(&name) => Object::Tensor(arguments.clone()),
            name if TRANSPARENT.contains(&name) => {
                let first = arguments.first().copied();
                self.stack
                    .push(first.ok_or_else(|| ImportError::malformed("the pickle makes a parameter of nothing"))?);
                return Ok(true);
            }
            name if OPAQUE.contains(&name) => Object::Opaque,
            name => return Err(ImportError::unsupported(format!("the pickle calls `{name}`"))),
        };
        self.count_copies(&object)?;
        self.push(object)
    }

    /// A call copies what it is given, and a short pickle can call often with the same long list.
    fn count_copies(&mut self, called: &Object) -> Result<(), ImportError> {
        self.copied += match called {
            Object::Dict(entries) => 2 * entries.len(),
            Object::Tensor(arguments) => arguments.len(),
            _ => 0,
        };
        if self.copied > MAX_OBJECTS {
            return Err(ImportError::malformed(format!(
                "the calls of the pickle copy more than {MAX_OBJECTS} objects"
            )));
        }
        Ok(())
    }

    /// The entries that an ordered dict is made with: a list of pairs, or none.
    fn ordered(&self, arguments: &[Id]) -> Vec<(Id, Id)> {
        let items = |id: &Id| match &self.objects[*id] {
            Object::List(items) | Object::Tuple(items) => Some(items.as_slice()),
            _ => None,
        };
        let entries = arguments.first().and_then(items).unwrap_or_default();
        entries
            .iter()
            .filter_map(|entry| items(entry)?.try_into().ok().map(|[key, value]: [Id; 2]| (key, value)))
            .collect()
    }

    /// State that is set on an object: a state dict carries `_metadata`, which says nothing of its tensors.
    fn build(&mut self) -> Handled {
        self.pop()?;
        match self.objects[self.top()?] {
            Object::Dict(_) | Object::Opaque | Object::Tensor(_) => Ok(true),
            _ => Err(ImportError::unsupported("the pickle sets the state of an object that is no dict")),
        }
    }

    fn push(&mut self, object: Object) -> Handled {
        if self.objects.len() >= MAX_OBJECTS {
            return Err(ImportError::malformed(format!("the pickle has more than {MAX_OBJECTS} objects")));
        }
        self.stack.push(self.objects.len());
        self.objects.push(object);
        Ok(true)
    }

    fn top(&self) -> Result<Id, ImportError> {
        self.stack.last().copied().ok_or_else(empty)
    }

    fn pop(&mut self) -> Result<Id, ImportError> {
        self.stack.pop().ok_or_else(empty)
    }

    /// The last so many objects, taken off the stack.
    fn last(&mut self, count: usize) -> Result<Vec<Id>, ImportError> {
        let start = self.stack.len().checked_sub(count).ok_or_else(empty)?;
        Ok(self.stack.split_off(start))
    }

    fn since_mark(&mut self) -> Result<Vec<Id>, ImportError> {
        let mark = self.marks.pop().filter(|mark| *mark <= self.stack.len());
        let mark = mark.ok_or_else(|| ImportError::malformed("the pickle has no mark where it needs one"))?;
        Ok(self.stack.split_off(mark))
    }
}

fn empty() -> ImportError {
    ImportError::malformed("the stack of the pickle is empty")
}

fn pairs(items: &[Id]) -> Vec<(Id, Id)> {
    items.as_chunks().0.iter().map(|&[key, value]| (key, value)).collect()
}

/// A little-endian integer in two's complement.
fn long(bytes: &[u8]) -> Object {
    if bytes.len() > 8 {
        return Object::Opaque;
    }
    let negative = bytes.last().is_some_and(|byte| byte & 0x80 != 0);
    let start = if negative { -1_i64 } else { 0 };
    Object::Int(bytes.iter().rev().fold(start, |number, &byte| number << 8 | i64::from(byte)))
}

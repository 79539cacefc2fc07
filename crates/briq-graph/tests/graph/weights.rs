//! Shards: placed, read back by another's reader, refused.

use std::collections::BTreeMap;

use briq_graph::weights::{ALIGNMENT, Placed, Tensor, externalize, index, read, shard_name, shards, write};
use briq_graph::{Data, ElementType, Graph, Initializer};
use expect_test::expect;
use proptest::prelude::*;
use safetensors::SafeTensors;

fn none() -> BTreeMap<String, String> {
    BTreeMap::new()
}

fn written(tensors: &[Tensor<'_>]) -> (Vec<u8>, Vec<Placed>) {
    let mut bytes = Vec::new();
    let placed = write(tensors, &none(), &mut bytes).unwrap();
    (bytes, placed)
}

fn reason(tensors: &[Tensor<'_>]) -> String {
    write(tensors, &none(), &mut Vec::new()).unwrap_err().to_string()
}

#[test]
fn the_bytes_of_a_shard_are_fixed() {
    let numbers: Vec<u8> = [1.0_f32, 2.0, 3.0].iter().flat_map(|number| number.to_le_bytes()).collect();
    let large = vec![7; 64];
    let tensors = [Tensor::f32("a.bias", &[3], &numbers), Tensor::f32("a.weight", &[4, 4], &large)];
    let mut bytes = Vec::new();
    let placed = write(&tensors, &BTreeMap::from([("format".into(), "pt".into())]), &mut bytes).unwrap();
    let header = &bytes[8..placed[1].offset as usize];
    expect![[r#"{"__metadata__":{"format":"pt"},"a.bias":{"dtype":"F32","shape":[3],"data_offsets":[64,76]},"a.weight":{"dtype":"F32","shape":[4,4],"data_offsets":[0,64]}}"#]].assert_eq(std::str::from_utf8(header).unwrap().trim_end());
    assert_eq!(&bytes[..8], (header.len() as u64).to_le_bytes());
    assert_eq!(placed[1].offset % ALIGNMENT, 0);
    assert_eq!(placed[0].offset, placed[1].offset + 64, "what is aligned goes first");
    assert_eq!(bytes[placed[0].offset as usize..], numbers);
}

#[test]
fn a_shard_may_be_empty() {
    let (bytes, placed) = written(&[]);
    assert!(placed.is_empty() && read(&bytes).unwrap().is_empty());
}

#[test]
fn shards_are_cut_between_modules() {
    let data = vec![0; 400];
    let tensor =
        |name: &'static str, count: usize| Tensor { name, element: ElementType::U8, shape: &[], data: &data[..count] };
    let tensors =
        [tensor("a.w", 60), tensor("a.b", 30), tensor("b.w", 30), tensor("c.w", 300), tensor("c.b", 1), tensor("d", 1)];
    assert_eq!(shards(&tensors, 120), [0..3, 3..5, 5..6]);
    assert_eq!(shards(&tensors, 100), [0..2, 2..3, 3..5, 5..6]);
    assert!(shards(&tensors, 1000).into_iter().eq(std::iter::once(0..6)));
    assert_eq!(shards(&[], 10), Vec::<std::ops::Range<usize>>::new());
    assert_eq!(shard_name(0, 12), "weights-00001-of-00012.safetensors");
}

#[test]
fn the_index_says_in_which_shard_a_tensor_lies() {
    let scalar = |name| written(&[Tensor { name, element: ElementType::U8, shape: &[], data: &[0] }]).1;
    let bytes = index(&[(shard_name(0, 2), scalar("b.w")), (shard_name(1, 2), scalar("a.w"))]);
    expect![[r#"
        {
          "metadata": {
            "total_size": 2
          },
          "weight_map": {
            "a.w": "weights-00002-of-00002.safetensors",
            "b.w": "weights-00001-of-00002.safetensors"
          }
        }
    "#]]
    .assert_eq(std::str::from_utf8(&bytes).unwrap());
}

#[test]
fn initializers_are_pointed_at_a_shard() {
    let mut graph =
        Graph { initializers: vec![Initializer::unset("w", ElementType::F32, vec![2])], ..Graph::default() };
    let placed = |name: &str, shape: &[usize]| Placed {
        name: name.into(),
        element: ElementType::F32,
        shape: shape.to_vec(),
        offset: 64,
        length: 8,
    };
    externalize(&mut graph, "w.safetensors", &[placed("w", &[2])]).unwrap();
    let expected = Data::External { location: "w.safetensors".into(), offset: 64, length: 8 };
    assert_eq!(graph.initializers[0].data, expected);
    let error = externalize(&mut graph, "w.safetensors", &[placed("w", &[2, 1])]).unwrap_err();
    assert!(error.is_shape());
    expect!["cannot attach tensor `w`: the graph declares F32[2], the shard holds F32[2, 1]"]
        .assert_eq(&error.to_string());
    expect!["cannot attach tensor `v`: the graph has none of that name"]
        .assert_eq(&externalize(&mut graph, "w", &[placed("v", &[2])]).unwrap_err().to_string());
}

#[test]
fn rejects_names_and_lengths_that_cannot_be() {
    let data = [0; 8];
    expect!["cannot write tensor `w`: F32[3] takes 12 bytes, got 8"].assert_eq(&reason(&[Tensor::f32(
        "w",
        &[3],
        &data,
    )]));
    expect!["cannot write tensor `w`: the name is given twice"]
        .assert_eq(&reason(&[Tensor::f32("w", &[2], &data), Tensor::f32("w", &[2], &data)]));
    expect!["cannot write tensor `__metadata__`: the name is reserved"].assert_eq(&reason(&[Tensor::f32(
        "__metadata__",
        &[2],
        &data,
    )]));
    let huge = [usize::MAX, 2];
    assert!(reason(&[Tensor::f32("w", &huge, &data)]).contains("cannot write tensor `w`"));
}

#[test]
fn rejects_every_truncation() {
    let (bytes, _) = written(&[Tensor::f32("w", &[2], &[0; 8])]);
    for end in 0..bytes.len() {
        assert!(read(&bytes[..end]).unwrap_err().is_malformed(), "cut at {end}");
    }
}

#[test]
fn rejects_junk_holes_and_overlaps() {
    let file = |header: &str, data: usize| {
        let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
        bytes.extend(header.as_bytes());
        bytes.resize(bytes.len() + data, 0);
        bytes
    };
    let at = |a: usize, b: usize| format!(r#""{a}":{{"dtype":"U8","shape":[{}],"data_offsets":[{a},{b}]}}"#, b - a);
    assert!(read(&file(&format!("{{{},{}}}", at(0, 2), at(2, 4)), 4)).is_ok());
    for (header, data) in [
        (format!("{{{},{}}}", at(0, 2), at(3, 4)), 4),
        (format!("{{{},{}}}", at(0, 3), at(2, 4)), 4),
        (format!("{{{}}}", at(0, 2)), 3),
        ("not json".to_owned(), 0),
    ] {
        assert!(read(&file(&header, data)).unwrap_err().is_malformed(), "{header}");
    }
    assert!(read(&[0xff; 16]).unwrap_err().is_malformed(), "a header of 2^64 bytes");
    let unknown = r#"{"w":{"dtype":"F6_E2M3","shape":[4],"data_offsets":[0,3]}}"#;
    assert!(read(&file(unknown, 3)).unwrap_err().is_unsupported());
}

fn tensors() -> impl Strategy<Value = Vec<(String, ElementType, Vec<usize>, Vec<u8>)>> {
    let element = prop::sample::select(ElementType::all().filter(|element| element.bits() >= 8).collect::<Vec<_>>());
    let shape = prop::collection::vec(0_usize..9, 0..4);
    let tensor = (element, shape).prop_flat_map(|(element, shape)| {
        let length = shape.iter().product::<usize>() * element.bits() / 8;
        (Just(element), Just(shape), prop::collection::vec(any::<u8>(), length))
    });
    prop::collection::btree_map("[a-z]{1,4}(\\.[a-z]{1,3})?", tensor, 0..8)
        .prop_map(|map| map.into_iter().map(|(name, (element, shape, data))| (name, element, shape, data)).collect())
}

proptest! {
    #[test]
    fn what_is_written_is_read_by_us_and_by_safetensors(owned in tensors()) {
        let tensors: Vec<Tensor<'_>> = owned.iter().map(|(name, element, shape, data)| Tensor { name, element: *element, shape, data }).collect();
        let (bytes, placed) = written(&tensors);
        let mut found = read(&bytes).unwrap();
        found.sort_by(|a, b| a.name.cmp(&b.name));
        prop_assert_eq!(&found, &placed);
        let others = SafeTensors::deserialize(&bytes).unwrap();
        for (tensor, placed) in tensors.iter().zip(&placed) {
            let range = placed.offset as usize..(placed.offset + placed.length) as usize;
            prop_assert_eq!(&bytes[range], tensor.data);
            let other = others.tensor(tensor.name).unwrap();
            prop_assert_eq!((other.data(), other.shape()), (tensor.data, tensor.shape));
            prop_assert_eq!(placed.offset % (tensor.element.bits() / 8) as u64, 0);
            prop_assert!(placed.length % ALIGNMENT != 0 || placed.offset % ALIGNMENT == 0);
        }
    }

    #[test]
    fn no_bytes_make_the_reader_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = read(&bytes);
    }
}

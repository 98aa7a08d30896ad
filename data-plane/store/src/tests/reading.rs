use proptest::prelude::{ProptestConfig, Strategy, prop, prop_oneof, proptest};

use super::{bytes, content, drain, follow, fresh, lead, own_reader, read_now, store, turn_or_bell, version};
use crate::{Body, Chunk, Reader, Turn};

/// What may happen while a body comes.
#[derive(Debug, Clone)]
enum Step {
    Append(usize),
    Join,
    Read(usize),
    Leave(usize),
}

fn step() -> impl Strategy<Value = Step> {
    // Little, what is gathered, what is kept as it comes, more than one chunk.
    let len = prop_oneof![0..10_usize, 0..5000_usize, 3000..20_000_usize, 200_000..300_000_usize];
    prop_oneof![
        4 => len.prop_map(Step::Append),
        1 => (0..1_usize).prop_map(|_| Step::Join),
        6 => (0..8_usize).prop_map(Step::Read),
        1 => (0..8_usize).prop_map(Step::Leave),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn every_reader_gets_every_byte_once_and_in_order(steps in prop::collection::vec(step(), 0..40)) {
        const URL: &str = "https://a.test/x";
        let (store, all) = (store(), content(300_000));
        let mut body = Vec::new();
        let mut fill = lead(&store, URL, fresh).begin(version(1), u64::MAX);
        let mut readers: Vec<(Reader<_>, Vec<u8>)> = vec![(own_reader(&fill), Vec::new())];
        for step in steps {
            match step {
                // Not everything fits.
                Step::Append(len) if body.len() + len <= 2_000_000 => {
                    fill.append(&all[..len]);
                    body.extend_from_slice(&all[..len]);
                }
                Step::Append(_) => {}
                Step::Join => match turn_or_bell(&mut follow(&store, URL, fresh), fresh) {
                    Ok(Turn::Stream(reader)) => readers.push((reader, Vec::new())),
                    other => panic!("{:?}", other.map_err(drop)),
                },
                Step::Read(at) => if let Some((reader, read)) = readers.get_mut(at) {
                    match read_now(reader) {
                        Some(piece) => read.extend(piece.expect("no end").expect("no break")),
                        None => assert_eq!(read.len(), body.len(), "nothing is held back"),
                    }
                    assert!(body.starts_with(read));
                },
                Step::Leave(at) => if at < readers.len() {
                    drop(readers.swap_remove(at));
                },
            }
        }
        let stored = fill.finish().expect("it is small enough");
        assert!(bytes(&stored) == body);
        for (mut reader, mut read) in readers {
            let (rest, end) = drain(&mut reader);
            read.extend(rest);
            assert_eq!(end, Some(Ok(())));
            assert!(read == body);
        }
    }

    #[test]
    fn slices_of_a_body_are_the_bytes_of_their_range(
        lengths in prop::collection::vec(1..50_usize, 0..6),
        start in 0..320_u64,
        end in 0..320_u64,
    ) {
        let whole = content(lengths.iter().sum());
        let mut rest = &whole[..];
        let chunks = lengths.iter().map(|len| Chunk::from(rest.split_off(..*len).expect("it is there")));
        let body = Body::new(chunks.collect());
        assert_eq!((body.len(), body.is_empty()), (whole.len() as u64, whole.is_empty()));
        let within = |at: u64| usize::try_from(at).expect("little").min(whole.len());
        let expected = whole.get(within(start)..within(end)).unwrap_or_default();
        assert_eq!(body.slices(start..end).collect::<Vec<_>>().concat(), expected);
        assert!(body.slices(start..end).all(|slice| !slice.is_empty()));
    }
}

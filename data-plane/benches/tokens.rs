//! What a token costs: one that is known, and one that has to be verified.

#![allow(missing_docs, reason = "criterion's macros make public functions")]

use criterion::{Criterion, criterion_group, criterion_main};
use data_plane::doors::tokens::Gate;
use gateway_routing::route::JwtAlgorithm;

/// By each algorithm: RSA with keys of 2,048 bits.
const ALGORITHMS: [JwtAlgorithm; 8] = [
    JwtAlgorithm::Hs256,
    JwtAlgorithm::Rs256,
    JwtAlgorithm::Rs512,
    JwtAlgorithm::Ps256,
    JwtAlgorithm::Ps512,
    JwtAlgorithm::Es256,
    JwtAlgorithm::Es384,
    JwtAlgorithm::EdDsa,
];

fn known(criterion: &mut Criterion) {
    let gate = Gate::new(JwtAlgorithm::Es256, 1 << 24);
    assert!(gate.check(), "the token is good");
    criterion.bench_function("known/ES256", |bencher| bencher.iter(|| gate.check()));
}

/// With nothing remembered.
fn new(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("new");
    for algorithm in ALGORITHMS {
        let gate = Gate::new(algorithm, 0);
        assert!(gate.check(), "the token is good");
        group.bench_function(algorithm.name(), |bencher| bencher.iter(|| gate.check()));
    }
    group.finish();
}

criterion_group!(benches, known, new);
criterion_main!(benches);

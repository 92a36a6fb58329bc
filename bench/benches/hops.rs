//! What each hop of a record takes: `cargo bench -p thalweg-bench`.
//!
//! The loops are those whose instructions the guard counts; see `bench/src/loops`.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use thalweg_bench::loops::ALL;

fn hops(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("hops");
    group.sample_size(20);
    for hop in ALL {
        let mut run = (hop.make)();
        group.throughput(Throughput::Elements(hop.records));
        group.bench_function(hop.name, |bencher| bencher.iter(|| run(hop.records)));
    }
    group.finish();
}

criterion_group!(all, hops);
criterion_main!(all);

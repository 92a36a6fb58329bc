//! Nexmark's queries, broken off in the middle and gone on with: the results are the golden ones.

mod gated;
mod restored;

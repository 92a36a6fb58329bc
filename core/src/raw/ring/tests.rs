//! The ring against two `VecDeque`s, between threads, and under loom.

#[cfg(not(loom))]
mod against_queues {
    use crate::raw::ring::{Consumer, PAGE_ALIGN, Producer, SHRED, ring_at};
    use proptest::prelude::*;
    use std::collections::VecDeque;

    /// The obvious ring: pages wait in one queue to be filled and in another to be read.
    struct Queues {
        free: VecDeque<Vec<u8>>,
        full: VecDeque<Vec<u8>>,
    }

    impl Queues {
        fn publish(&mut self) {
            self.full.push_back(self.free.pop_front().unwrap());
        }

        fn release(&mut self) {
            let mut page = self.full.pop_front().unwrap();
            if cfg!(debug_assertions) {
                page.fill(SHRED);
            }
            self.free.push_back(page);
        }
    }

    #[derive(Clone, Copy, Debug)]
    enum Op {
        /// Open, and write `value` into the first `bytes` bytes.
        Fill {
            bytes: usize,
            value: u8,
        },
        Publish,
        Front,
        Release,
        /// The questions that change what an end remembers of the other.
        AskProducer,
        AskConsumer,
        DropProducer,
        DropConsumer,
    }

    fn op(page_bytes: usize) -> impl Strategy<Value = Op> {
        prop_oneof![
            8 => (0..=page_bytes, any::<u8>()).prop_map(|(bytes, value)| Op::Fill { bytes, value }),
            8 => Just(Op::Publish),
            8 => Just(Op::Front),
            8 => Just(Op::Release),
            4 => Just(Op::AskProducer),
            4 => Just(Op::AskConsumer),
            1 => Just(Op::DropProducer),
            1 => Just(Op::DropConsumer),
        ]
    }

    /// Counts from zero, and counts which wrap within a few pages.
    fn start() -> impl Strategy<Value = usize> {
        prop_oneof![Just(0), (0..8_usize).prop_map(|before| usize::MAX - before)]
    }

    /// One end, until it is dropped, and whether it has a page in hand.
    struct Hand<E> {
        end: Option<E>,
        has_page: bool,
    }

    fn apply(
        op: Op,
        queues: &mut Queues,
        producer: &mut Hand<Producer>,
        consumer: &mut Hand<Consumer>,
    ) {
        let is_abandoned = consumer.end.is_none();
        let is_ended = producer.end.is_none();
        match (op, producer.end.as_mut(), consumer.end.as_mut()) {
            (Op::Fill { bytes, value }, Some(end), _) => {
                let page = end.open();
                assert_eq!(page.as_deref(), queues.free.front().map(Vec::as_slice));
                producer.has_page = page.is_some();
                if let Some(page) = page {
                    assert_eq!(page.as_ptr().addr() % PAGE_ALIGN, 0);
                    page[..bytes].fill(value);
                    queues.free[0][..bytes].fill(value);
                }
                assert_eq!(end.opened().is_some(), producer.has_page);
            }
            (Op::Publish, Some(end), _) if producer.has_page => {
                end.publish();
                queues.publish();
                producer.has_page = false;
                assert!(end.opened().is_none());
            }
            (Op::AskProducer, Some(end), _) => {
                assert_eq!(end.free(), queues.free.len());
                assert_eq!(end.is_drained(), queues.full.is_empty());
                assert_eq!(end.is_abandoned(), is_abandoned);
            }
            (Op::Front, _, Some(end)) => {
                let page = end.front();
                assert_eq!(page, queues.full.front().map(Vec::as_slice));
                consumer.has_page = page.is_some();
            }
            (Op::Release, _, Some(end)) if consumer.has_page => {
                assert_eq!(end.front_shared(), queues.full.front().map(Vec::as_slice));
                end.release();
                queues.release();
                consumer.has_page = false;
                assert_eq!(end.front_shared(), None);
            }
            (Op::AskConsumer, _, Some(end)) => {
                assert_eq!(end.len(), queues.full.len());
                assert_eq!(end.is_empty(), queues.full.is_empty());
                assert_eq!(end.is_finished(), is_ended && queues.full.is_empty());
            }
            (Op::DropProducer, ..) => producer.end = None,
            (Op::DropConsumer, ..) => consumer.end = None,
            // The end is gone, or has no page in hand.
            _ => {}
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig {
            cases: if cfg!(miri) { 4 } else { 512 },
            failure_persistence: None,
            ..ProptestConfig::default()
        })]

        #[test]
        fn any_sequence_of_calls_does_what_two_queues_do(
            start in start(),
            pages in 1..=5_usize,
            page_bytes in prop_oneof![Just(PAGE_ALIGN), Just(3 * PAGE_ALIGN)],
            ops in prop::collection::vec(op(PAGE_ALIGN), 0..if cfg!(miri) { 30 } else { 200 }),
        ) {
            let (producer, consumer) = ring_at(start, pages, page_bytes);
            let mut producer = Hand { end: Some(producer), has_page: false };
            let mut consumer = Hand { end: Some(consumer), has_page: false };
            let mut queues =
                Queues { free: vec![vec![0; page_bytes]; pages].into(), full: VecDeque::new() };
            for op in ops {
                apply(op, &mut queues, &mut producer, &mut consumer);
            }
        }
    }
}

#[cfg(not(loom))]
mod alone {
    use crate::raw::ring::{Consumer, Producer, ring, ring_at};

    fn send(producer: &mut Producer, value: u8) {
        producer.open().unwrap()[0] = value;
        producer.publish();
    }

    fn receive(consumer: &mut Consumer) -> u8 {
        let value = consumer.front().unwrap()[0];
        consumer.release();
        value
    }

    #[test]
    fn one_page_means_one_page() {
        let (mut producer, mut consumer) = ring(1, 64);
        for value in 0..5 {
            send(&mut producer, value);
            assert!(producer.open().is_none());
            assert_eq!(receive(&mut consumer), value);
            assert!(consumer.front().is_none());
        }
    }

    #[test]
    fn order_survives_the_wrap_of_the_counts_at_every_capacity() {
        for pages in 1..=7 {
            let (mut producer, mut consumer) = ring_at(usize::MAX - 9, pages, 64);
            for first in (0..40).step_by(pages) {
                let values = first..first + u8::try_from(pages).unwrap();
                values.clone().for_each(|value| send(&mut producer, value));
                assert!(producer.open().is_none());
                values.for_each(|value| assert_eq!(receive(&mut consumer), value));
                assert!(producer.is_drained());
            }
        }
    }

    #[test]
    fn open_page_is_the_same_page_until_it_is_published() {
        let (mut producer, _consumer) = ring(2, 64);
        let first = producer.open().unwrap().as_ptr();
        assert_eq!(producer.open().unwrap().as_ptr(), first);
        producer.publish();
        assert_ne!(producer.open().unwrap().as_ptr(), first);
    }

    #[test]
    fn page_in_hand_outlives_the_other_end() {
        let (mut producer, mut consumer) = ring(2, 64);
        send(&mut producer, 7);
        producer.open().unwrap()[0] = 8;
        drop(producer);
        assert!(!consumer.is_finished());
        assert_eq!(receive(&mut consumer), 7);
        assert!(consumer.is_finished(), "the page that was never published is lost");
    }

    #[test]
    fn capacity_is_what_was_asked_for() {
        let (mut producer, consumer) = ring(3, 128);
        assert_eq!((producer.pages(), producer.page_bytes(), producer.free()), (3, 128, 3));
        assert_eq!((consumer.pages(), consumer.page_bytes()), (3, 128));
    }

    #[test]
    #[should_panic(expected = "a page is opened before it is published")]
    fn publishing_without_an_open_page_is_refused() {
        ring(2, 64).0.publish();
    }

    #[test]
    #[should_panic(expected = "a page is read before it is released")]
    fn releasing_a_page_that_was_never_read_is_refused() {
        let (mut producer, mut consumer) = ring(2, 64);
        send(&mut producer, 1);
        consumer.release();
    }

    #[test]
    #[should_panic(expected = "multiple of 64 bytes, not 100")]
    fn page_that_would_share_a_cache_line_is_refused() {
        let _ = ring(2, 100);
    }
}

#[cfg(not(loom))]
mod between_threads {
    use crate::raw::ring::{Consumer, Producer, ring_at};
    use std::thread;

    const PAGES_SENT: u64 = if cfg!(miri) { 40 } else { 20_000 };

    fn fill(producer: &mut Producer, number: u64) {
        let page = loop {
            // Not a hint to the processor: the machine may have fewer cores than the tests have threads.
            if producer.open().is_none() {
                thread::yield_now();
            } else {
                break producer.opened().unwrap();
            }
        };
        for word in page.chunks_exact_mut(8) {
            word.copy_from_slice(&number.to_le_bytes());
        }
        producer.publish();
    }

    fn check(consumer: &mut Consumer, number: u64) {
        while consumer.front().is_none() {
            thread::yield_now();
        }
        for word in consumer.front_shared().unwrap().chunks_exact(8) {
            assert_eq!(word, number.to_le_bytes());
        }
        consumer.release();
    }

    #[test]
    fn every_page_arrives_whole_once_and_in_order() {
        for pages in [1, 2, 3, 8] {
            let (mut producer, mut consumer) = ring_at(usize::MAX - 20, pages, 128);
            thread::scope(|scope| {
                scope.spawn(move || (0..PAGES_SENT).for_each(|n| fill(&mut producer, n)));
                (0..PAGES_SENT).for_each(|n| check(&mut consumer, n));
                while !consumer.is_finished() {
                    thread::yield_now();
                }
            });
        }
    }

    #[test]
    fn consumer_that_leaves_is_noticed_by_a_producer_that_waits_for_it() {
        let (mut producer, mut consumer) = ring_at(0, 2, 64);
        thread::scope(|scope| {
            scope.spawn(move || check(&mut consumer, 0));
            (0..3).for_each(|n| fill(&mut producer, n));
            while !producer.is_abandoned() {
                thread::yield_now();
            }
            assert!(producer.open().is_none());
        });
    }
}

#[cfg(loom)]
mod in_every_order {
    use crate::raw::atomic::Ordering;
    use crate::raw::ring::{Consumer, Producer, ring, ring_at};
    use loom::thread;

    fn send(producer: &mut Producer, value: u8, publish: Ordering) {
        loop {
            if let Some(page) = producer.open() {
                page[0] = value;
                break producer.publish_with(publish);
            }
            thread::yield_now();
        }
    }

    fn receive(consumer: &mut Consumer, release: Ordering) -> u8 {
        loop {
            if let Some(page) = consumer.front() {
                let value = page[0];
                consumer.release_with(release);
                break value;
            }
            thread::yield_now();
        }
    }

    /// Sends `values` pages. One page in flight is explored completely; with more that would take minutes, so there only
    /// schedules are explored which take a thread off its core at most `PREEMPTIONS` times.
    fn transfer(pages: usize, values: u8, publish: Ordering, release: Ordering) {
        const PREEMPTIONS: usize = 3;
        let mut model = loom::model::Builder::new();
        model.preemption_bound = (pages > 1).then_some(PREEMPTIONS);
        model.check(move || {
            let (mut producer, mut consumer) = ring_at(usize::MAX, pages, 64);
            let sender =
                thread::spawn(move || (0..values).for_each(|n| send(&mut producer, n, publish)));
            for n in 0..values {
                assert_eq!(receive(&mut consumer, release), n);
            }
            sender.join().unwrap();
        });
    }

    #[test]
    fn one_page_is_never_read_and_written_at_once() {
        transfer(1, 3, Ordering::Release, Ordering::Release);
    }

    #[test]
    fn two_pages_are_never_read_and_written_at_once() {
        transfer(2, 4, Ordering::Release, Ordering::Release);
    }

    #[test]
    fn three_pages_are_never_read_and_written_at_once() {
        transfer(3, 4, Ordering::Release, Ordering::Release);
    }

    #[test]
    #[should_panic(expected = "Causality violation")]
    fn canary_relaxed_publish_is_found() {
        transfer(1, 1, Ordering::Relaxed, Ordering::Release);
    }

    #[test]
    #[should_panic(expected = "Causality violation")]
    fn canary_relaxed_release_is_found() {
        transfer(1, 2, Ordering::Release, Ordering::Relaxed);
    }

    #[test]
    fn last_page_before_the_end_is_never_missed() {
        loom::model(|| {
            let (mut producer, mut consumer) = ring(2, 64);
            let sender = thread::spawn(move || {
                send(&mut producer, 7, Ordering::Release);
                send(&mut producer, 8, Ordering::Release);
            });
            let mut sum = 0;
            while !consumer.is_finished() {
                if let Some(page) = consumer.front() {
                    sum += page[0];
                    consumer.release();
                } else {
                    thread::yield_now();
                }
            }
            assert_eq!(sum, 15);
            sender.join().unwrap();
        });
    }

    #[test]
    fn drained_means_that_the_pages_can_be_written_again() {
        loom::model(|| {
            let (mut producer, mut consumer) = ring(2, 64);
            send(&mut producer, 7, Ordering::Release);
            let receiver = thread::spawn(move || {
                receive(&mut consumer, Ordering::Release);
            });
            while !producer.is_drained() {
                thread::yield_now();
            }
            assert_eq!(producer.free(), 2);
            send(&mut producer, 8, Ordering::Release);
            send(&mut producer, 9, Ordering::Release);
            receiver.join().unwrap();
            assert!(producer.is_abandoned());
        });
    }
}

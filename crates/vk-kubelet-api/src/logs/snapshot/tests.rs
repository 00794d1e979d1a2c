use proptest::prelude::*;

use super::*;

const LOG: &str = "2026-11-22T10:00:00.000000001Z one\n\
                   2026-11-22T10:00:01Z two\n\
                   2026-11-22T12:00:02.5+02:00 three\n";

fn cut(log: &str, cut: Cut) -> String {
    let pieces: Vec<u8> = Pieces::new(Bytes::copy_from_slice(log.as_bytes()), cut).flatten().collect();
    String::from_utf8(pieces).unwrap()
}

fn since(time: &str) -> Cut {
    Cut { since: Some(time.parse().unwrap()), ..Cut::default() }
}

#[test]
fn times_are_left_out_unless_asked_for() {
    assert_eq!(cut(LOG, Cut::default()), "one\ntwo\nthree\n");
    assert_eq!(
        cut(LOG, Cut { timestamps: true, ..Cut::default() }),
        "2026-11-22T10:00:00.000000001Z one\n2026-11-22T10:00:01.000000000Z two\n2026-11-22T10:00:02.500000000Z three\n"
    );
}

#[test]
fn the_tail_counts_lines() {
    for (lines, expected) in
        [(0, ""), (1, "three\n"), (2, "two\nthree\n"), (3, "one\ntwo\nthree\n"), (9, "one\ntwo\nthree\n")]
    {
        assert_eq!(cut(LOG, Cut { tail_lines: Some(lines), ..Cut::default() }), expected);
    }
    assert_eq!(cut("", Cut { tail_lines: Some(1), ..Cut::default() }), "");
    let unfinished = Cut { tail_lines: Some(1), ..Cut::default() };
    assert_eq!(cut("2026-11-22T10:00:00Z a\n2026-11-22T10:00:00Z b", unfinished), "b");
    assert_eq!(cut(LOG, Cut { tail_lines: Some(u64::MAX), ..Cut::default() }), "one\ntwo\nthree\n");
}

#[test]
fn since_includes_its_own_moment() {
    assert_eq!(cut(LOG, since("2026-11-22T10:00:01Z")), "two\nthree\n");
    assert_eq!(cut(LOG, since("2026-11-22T10:00:02.500000001Z")), "");
    assert_eq!(cut(LOG, Cut { tail_lines: Some(2), ..since("2026-11-22T10:00:02Z") }), "three\n");
}

#[test]
fn a_line_without_a_time_shares_that_of_the_line_before() {
    let log = "2026-11-22T10:00:00Z old\n  of old\n2026-11-22T11:00:00Z new\n  of new\n";
    assert_eq!(cut(log, since("2026-11-22T10:30:00Z")), "new\n  of new\n");
    assert_eq!(cut(log, Cut { tail_lines: Some(3), ..since("2026-11-22T10:30:00Z") }), "new\n  of new\n");
    assert_eq!(cut("no time\n", since("2026-11-22T10:30:00Z")), "no time\n");
}

#[test]
fn empty_lines_stay() {
    assert_eq!(cut("2026-11-22T10:00:00Z \n2026-11-22T10:00:00Z\n", Cut::default()), "\n\n");
    assert_eq!(cut("\n\n", Cut { tail_lines: Some(1), ..Cut::default() }), "\n");
}

#[test]
fn large_logs_come_in_pieces() {
    let log = "2026-11-22T10:00:00Z 0123456789\n".repeat(10_000);
    let pieces: Vec<Bytes> = Pieces::new(log.into(), Cut::default()).collect();
    assert!(pieces.len() > 1);
    assert!(pieces.iter().all(|piece| piece.len() < PIECE_BYTES + 100));
    assert_eq!(pieces.iter().map(Bytes::len).sum::<usize>(), 110_000);
}

/// A log in order of time: seconds since the first line, and text.
fn lines() -> impl Strategy<Value = Vec<(u32, String)>> {
    prop::collection::vec((0..5u32, "[ -~]{0,12}"), 0..40).prop_map(|steps| {
        let mut at = 0;
        steps
            .into_iter()
            .map(|(step, text)| {
                at += step;
                (at, text)
            })
            .collect()
    })
}

fn time(seconds: u32) -> Timestamp {
    Timestamp::from_second(1_790_000_000 + i64::from(seconds)).unwrap()
}

fn options() -> impl Strategy<Value = Cut> {
    (prop::option::of(0..50u64), prop::option::of(0..120u32), any::<bool>())
        .prop_map(|(tail_lines, since, timestamps)| Cut { tail_lines, since: since.map(time), timestamps })
}

/// What the options mean, said as simply as possible.
fn expected(lines: &[(u32, String)], cut: Cut) -> String {
    let skipped = cut.tail_lines.map_or(0, |tail| lines.len().saturating_sub(tail as usize));
    let wanted = lines[skipped..].iter().filter(|(at, _)| cut.since.is_none_or(|since| time(*at) >= since));
    wanted
        .map(|(at, text)| if cut.timestamps { format!("{:.9} {text}\n", time(*at)) } else { format!("{text}\n") })
        .collect()
}

proptest! {
    #[test]
    fn any_log_is_cut_as_its_options_say(lines in lines(), options in options()) {
        let log: String = lines.iter().map(|(at, text)| format!("{} {text}\n", time(*at))).collect();
        prop_assert_eq!(cut(&log, options), expected(&lines, options));
    }

    #[test]
    fn any_bytes_are_survived(log in prop::collection::vec(any::<u8>(), 0..200), options in options()) {
        let length: usize = Pieces::new(log.clone().into(), options).map(|piece| piece.len()).sum();
        prop_assert!(length <= log.len() * 40 + 40);
    }

    #[test]
    fn a_tail_is_the_end_of_the_whole(lines in lines(), tail in 0..50u64) {
        let log: String = lines.iter().map(|(at, text)| format!("{} {text}\n", time(*at))).collect();
        let whole = cut(&log, Cut::default());
        let end = cut(&log, Cut { tail_lines: Some(tail), ..Cut::default() });
        prop_assert!(whole.ends_with(&end));
        prop_assert_eq!(end.lines().count(), lines.len().min(tail as usize));
    }
}

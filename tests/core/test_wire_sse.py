"""The reader of server-sent events: whatever the bytes and however they are cut."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from byok.core.wire.sse import EventReader, Failure, TooLongError


def read(stream: bytes, *cuts: int, limit: int = 1024) -> list[bytes]:
    reader = EventReader(limit)
    places = [0, *sorted(cut for cut in cuts if cut <= len(stream)), len(stream)]
    pieces = [stream[a:b] for a, b in pairwise(places)]
    return [*[event for piece in pieces for event in reader.feed(piece)], *reader.close()]


@pytest.mark.parametrize("end", [b"\n", b"\r", b"\r\n"])
def test_lines_may_end_in_lf_cr_or_crlf(end: bytes) -> None:
    assert read(b"data: a" + end + end + b"data:b" + end + end) == [b"a", b"b"]


def test_comments_ids_and_other_fields_are_passed_over() -> None:
    assert read(b": OPENROUTER PROCESSING\n\nid: 7\nretry: 1\ndata: a\n\n") == [b"a"]


def test_data_over_several_lines_is_joined() -> None:
    assert read(b"data: a\ndata: b\n\n") == [b"a\nb"]


def test_a_byte_order_mark_is_not_part_of_the_first_line() -> None:
    assert read(b"\xef\xbb\xbfdata: a\n\n", 1, 2) == [b"a"]


def test_the_last_event_needs_no_blank_line() -> None:
    assert read(b"data: a\n\ndata: b") == [b"a", b"b"]


def test_only_one_space_after_the_colon_is_taken_away() -> None:
    assert read(b"data:  a\n\n") == [b" a"]


def test_an_event_named_error_is_marked_and_the_next_is_not() -> None:
    failed, fine = read(b"event: error\ndata: a\n\ndata: b\n\n")
    assert type(failed) is Failure
    assert type(fine) is bytes


def test_a_cr_at_the_end_of_a_piece_ends_the_event_at_once() -> None:
    reader = EventReader()
    assert reader.feed(b"data: a\r\r") == [b"a"]
    assert reader.feed(b"\ndata: b\r\n\r") == [b"b"]


@pytest.mark.parametrize("stream", [b"x" * 2000, b"data: " + b"x" * 2000, b"data: x\n" * 200, b"data:\n" * 400])
def test_a_line_or_an_event_above_the_limit_is_refused(stream: bytes) -> None:
    with pytest.raises(TooLongError):
        read(stream, 500, 1000)


def test_many_short_lines_are_no_long_line() -> None:
    assert len(read(b"data: x\n\n" * 5000)) == 5000


PIECES = st.sampled_from([b"data: a", b"data:", b"\r", b"\n", b"\r\n", b"\n\n", b": c", b"event: error", b"\xc3", b" "])


@given(st.lists(PIECES, max_size=30).map(b"".join), st.lists(st.integers(0, 200), max_size=8))
def test_where_the_bytes_are_cut_makes_no_difference(stream: bytes, cuts: list[int]) -> None:
    whole = read(stream)
    assert read(stream, *cuts) == whole
    assert read(stream, *range(len(stream))) == whole


WHOLE = st.sampled_from(
    [
        b"data: a\n\n",
        b"data: b\r\n\r\n",
        b"data:\n\n",
        b"data: \n\n",
        b"data: abc\n\n",
        b"data: a\n",
        b"data: a\ndata: b\n\n",
        b"event: error\n",
    ]
)


@settings(max_examples=500)
@given(st.lists(PIECES | WHOLE, max_size=12), st.sampled_from([8, 9, 1024]))
def test_an_event_that_comes_by_itself_is_read_as_one_among_others(pieces: list[bytes], limit: int) -> None:
    def events(parts: list[bytes]) -> list[tuple[type, bytes]] | None:
        reader = EventReader(limit)
        try:
            found = [*[event for part in parts for event in reader.feed(part)], *reader.close()]
        except TooLongError:
            return None
        return [(type(event), event) for event in found]

    together = b"".join(pieces)
    assert events(pieces) == events([together]) == events([together[at : at + 1] for at in range(len(together))])

"""base64 reads and refuses just what the standard library does, in its words."""

from __future__ import annotations

import base64

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from handler import base64_codec


def outcome(decode, text: str) -> bytes | str:  # type: ignore[no-untyped-def]
    try:
        return decode(text)  # type: ignore[no-any-return]
    except ValueError as error:
        return str(error)


@given(
    st.one_of(
        st.binary().map(lambda content: base64.b64encode(content).decode()),
        st.text(st.sampled_from("AQf+/09=-_ \n\0é"), max_size=40),
    )
)
@example("QR==")  # bits behind the last byte
@example("QQ==QQ==")
@example("QQ")
@example("Q===")
@example("=QQ=")
@example("\N{SNOWMAN}" * 4)
def test_it_decodes_and_refuses_as_the_standard_library_does(text: str) -> None:
    expected = outcome(lambda each: base64.b64decode(each, validate=True), text)
    assert outcome(base64_codec.decode, text) == expected


@given(st.binary())
def test_what_it_encodes_is_the_standard_librarys(content: bytes) -> None:
    assert base64_codec.encode(content) == base64.b64encode(content).decode()
    assert base64_codec.decode(base64_codec.encode(content)) == content


@pytest.mark.parametrize("size", [0, 1, 47, 48, 49, 100_000])
def test_long_ones_go_through_the_simd_loop(size: int) -> None:
    content = bytes(range(256)) * (size // 256 + 1)
    assert base64_codec.decode(base64.b64encode(content[:size]).decode()) == content[:size]

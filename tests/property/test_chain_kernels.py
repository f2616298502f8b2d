"""Links that the kernel makes are those of `record.chain`."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from lifeline.engine import layout as at
from lifeline.engine.chain_kernels import BLOCK, WHOLE, chain_all
from lifeline.engine.record import CHAINED, chain

SITES, INSTANCES = 3, 4


def test_the_text_of_a_link_has_the_place_that_the_kernel_gives_it() -> None:
    assert WHOLE.itemsize == at.NUMBERS.itemsize
    assert [WHOLE.fields[n][1] for n in ("seq", "until", "last4")] == [  # type: ignore[index]
        at.NUMBERS.fields[n][1] for n in ("seq", "until", "transition")  # type: ignore[index]
    ]  # fmt: skip
    assert len(CHAINED) == 3


@given(
    st.lists(
        st.tuples(
            st.integers(0, SITES - 1),
            st.integers(0, INSTANCES - 1),
            st.binary(min_size=at.NUMBERS.itemsize, max_size=at.NUMBERS.itemsize),
        ),
        min_size=1,
        max_size=20,
    ),
    st.binary(min_size=16 * INSTANCES, max_size=16 * INSTANCES),
    st.lists(st.binary(min_size=16, max_size=16), min_size=20, max_size=20),
    st.booleans(),
    st.binary(min_size=16 * SITES, max_size=16 * SITES),
)
def test_links_are_those_of_the_record(
    rows: list[tuple[int, int, bytes]],
    identities: bytes,
    about: list[bytes],
    alike: bool,
    before: bytes,
) -> None:
    about = about[:1] if alike else about[: len(rows)]
    out = np.zeros(len(rows), at.EMISSION)
    out["site"], out["instance"] = [r[0] for r in rows], [r[1] for r in rows]
    heads = np.frombuffer(before, np.uint64).reshape(-1, 2).copy()
    links = np.zeros((len(rows), 2, 2), np.uint64)
    chain_all(
        out,
        np.frombuffer(b"".join(r[2] for r in rows), WHOLE),
        np.frombuffer(identities, np.uint64).reshape(-1, 2),
        np.frombuffer(b"".join(about), np.uint64).reshape(-1, 2),
        heads,
        links,
        np.full(BLOCK, 7, np.uint64),
    )
    expected = [before[16 * site : 16 * site + 16] for site in range(SITES)]
    for place, (site, instance, numbers) in enumerate(rows):
        identity, said = identities[16 * instance :][:16], about[0 if alike else place]
        link = chain(expected[site], identity, said, numbers)
        assert links[place].tobytes() == expected[site] + link
        expected[site] = link
    assert heads.tobytes() == b"".join(expected)

"""The mark that keeps a loop out of its callers."""

from numba import njit

from lifeline.engine.outline import outlined


@njit
def marked(x):  # type: ignore[no-untyped-def]
    outlined()
    return x + 1


@njit
def caller(x):  # type: ignore[no-untyped-def]
    return 2 * marked(x)


def test_a_marked_kernel_is_called() -> None:
    assert caller(20) == 42
    (llvm,) = caller.inspect_llvm().values()
    assert any(" call " in line and "marked" in line for line in llvm.splitlines())


def test_without_the_mark_it_is_put_into_its_caller() -> None:
    """Else the test above could not fail."""

    @njit
    def plain(x):  # type: ignore[no-untyped-def]
        return x + 1

    @njit
    def calls_plain(x):  # type: ignore[no-untyped-def]
        return 2 * plain(x)

    assert calls_plain(20) == 42
    (llvm,) = calls_plain.inspect_llvm().values()
    assert not any(
        " call " in line and "calls_plain" not in line and "plain" in line
        for line in llvm.splitlines()
    )

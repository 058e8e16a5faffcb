"""What can go wrong in a verifier.

VerifierError(Exception)
├── UnusableCheck(ValueError)   a check that could not fail, such as a match with nothing to expect or forbid
├── UnknownVerifier(ValueError) a name that no verifier has
├── NoModel                     a verifier that asks a model was given none
├── NoSandbox                   nothing here can hold code in, and the settings do not waive it
└── SandboxBroke                the sandbox itself did not stand, so the code was not judged
"""

from __future__ import annotations

from collections.abc import Iterable


class VerifierError(Exception):
    """Root of this room."""

    exit_code = 1


class UnusableCheck(VerifierError, ValueError):
    """`reason` is a clause."""

    exit_code = 2

    def __init__(self, detail: str) -> None:
        self.reason = detail
        super().__init__(f"This check cannot be used: {detail}.")


class UnknownVerifier(VerifierError, ValueError):
    exit_code = 2

    def __init__(self, name: str, known: Iterable[str]) -> None:
        self.name, self.reason = name, f"there is no verifier {name!r}; there are {', '.join(sorted(known))}"
        super().__init__(f"{self.reason[0].upper()}{self.reason[1:]}.")


class NoModel(VerifierError):
    def __init__(self, name: str) -> None:
        self.name = name
        super().__init__(f"The verifier {name} asks a model, and there is none here for it to ask.")


class NoSandbox(VerifierError):
    def __init__(self, tried: Iterable[str]) -> None:
        super().__init__(
            f"Code is not run, for nothing here can hold it in ({'; '.join(tried)}); install bubblewrap, "
            "or set `sandbox: none` to run it as you, with your files, network and rights in its reach."
        )


class SandboxBroke(VerifierError):
    def __init__(self, name: str, reason: str) -> None:
        self.reason = reason
        super().__init__(f"The sandbox {name} does not stand: {reason}.")

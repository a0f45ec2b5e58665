"""What is new in an image, or says another licence than it did, is told."""

from __future__ import annotations

import dataclasses

from scripts.supply.contents import Contents, File, Package
from scripts.supply.licences import find_problems, load_licences, split

LICENCES = load_licences()
PACKAGES = (
    Package("pillow", "13.0.0", "MIT-CMU"),
    Package("pi-heif", "1.4.0", "BSD-3-Clause; GNU Lesser General Public License v3 (LGPLv3)"),
)
LIBRARIES = tuple(
    File(path, 0o644, "0" * 64)
    for path in (
        "pi_heif.libs/libheif-7a3e919c.so.1.23.0",
        "pillow.libs/libwebpmux-8fb1c9f6.so.3.1.2",
        "numpy.libs/libscipy_openblas64_-32a4b2a6.so",
    )
)
KNOWN = Contents(PACKAGES, LIBRARIES, LIBRARIES)


def problems(**changes: object) -> list[str]:
    return find_problems(dataclasses.replace(KNOWN, **changes), LICENCES)  # type: ignore[arg-type]


def test_what_is_listed_is_in_order() -> None:
    assert find_problems(KNOWN, LICENCES) == []


def test_what_is_new_is_told() -> None:
    (told,) = problems(packages=(*PACKAGES, Package("readline", "8.3", "GPL-3.0-or-later")))
    assert told == "readline 8.3 is new; it says 'GPL-3.0-or-later'"
    library = File("pillow.libs/libwebpX-8fb1c9f6.so.1", 0o644, "0" * 64)
    (told,) = problems(libraries=(*LIBRARIES, library))
    assert told.startswith("pillow.libs/libwebpX-8fb1c9f6.so.1 is new")


def test_another_licence_than_before_is_told() -> None:
    (told,) = problems(packages=(Package("pillow", "14.0.0", "AGPL-3.0-only"), PACKAGES[1]))
    assert told == "pillow 14.0.0 says 'AGPL-3.0-only', no longer 'MIT-CMU'"


def test_a_licence_that_is_not_accepted_is_told() -> None:
    libraries = {**LICENCES.libraries, "libx265": {"licence": "GPL-2.0-or-later"}}
    licences = dataclasses.replace(LICENCES, libraries=libraries)
    assert find_problems(KNOWN, licences) == [
        "libx265 is under GPL-2.0-or-later, which is not accepted"
    ]


def test_no_gpl_is_accepted_but_with_gccs_exception() -> None:
    gpl = [each for each in LICENCES.accepted if "GPL" in each and not each.startswith("LGPL")]
    assert gpl == ["GPL-3.0-or-later WITH GCC-exception-3.1"]
    # What is under the LGPL is a file of its own, and says where its sources are.
    for name, entry in LICENCES.libraries.items():
        assert "LGPL" not in entry["licence"] or "sources" in entry, name
    assert not [name for name, entry in LICENCES.packages.items() if "GPL" in entry["licence"]]


def test_of_a_choice_the_first_counts() -> None:
    assert split("BSD-3-Clause AND 0BSD") == ["BSD-3-Clause", "0BSD"]
    assert split("Apache-2.0 OR GPL-2.0-only") == ["Apache-2.0"]

"""A profile for runs in which most tests are meant to fail: no time is spent on making it small."""

from hypothesis import Phase, settings

settings.register_profile(
    "mutants", phases=(Phase.explicit, Phase.generate), derandomize=True, database=None
)

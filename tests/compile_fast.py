"""Settings with which XLA compiles the short programs of tests in about half the time.

Import this before JAX is used, or give `-p tests.compile_fast` to pytest.
"""

import os

import jaxlib

# These emitters are of jaxlib 0.10; an XLA that does not know a flag ends the process.
if jaxlib.__version__.startswith("0.10."):
    given = os.environ.get("XLA_FLAGS", "")
    os.environ["XLA_FLAGS"] = f"{given} --xla_cpu_use_fusion_emitters=false"

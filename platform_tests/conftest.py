"""What all tests share: none of them sees the settings of whoever runs them."""

import os

for name in [name for name in os.environ if name.startswith(("LOOPCAST_", "DAGSTER_"))]:
    del os.environ[name]

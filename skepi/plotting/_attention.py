"""AttentionDisplay: attention of a network to bins and signals."""

from typing import Any, Self

import numpy as np
import pandas as pd

from skepi.plotting._band_axis import label_edges
from skepi.plotting._fitted import fitted_part

"""The flat segment of the ClusTEX talk: crystals in rows along phi and columns along eta."""

__all__ = ["N_COLUMNS", "N_ROWS"]

N_ROWS, N_COLUMNS = 30, 85

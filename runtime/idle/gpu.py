"""Signal: graphics processors at work for anybody, by NVML. Knows NVIDIA's alone.

Training runs on the processor, so all that a graphics processor does is others' work.
"""

from __future__ import annotations

from .abc import Reading, Signal


class Gpu(Signal):
    """Idle while every one is at most `most_percent` busy; unknown where there is none."""

    name = "gpu"

    def __init__(self, most_percent: float) -> None:
        self._most_percent = most_percent

    def read(self) -> Reading:
        import pynvml

        try:
            pynvml.nvmlInit()
            try:
                busy = [
                    float(pynvml.nvmlDeviceGetUtilizationRates(pynvml.nvmlDeviceGetHandleByIndex(at)).gpu)
                    for at in range(pynvml.nvmlDeviceGetCount())
                ]
            finally:
                pynvml.nvmlShutdown()
        except pynvml.NVMLError as error:
            return self.found(f"NVML: {str(error).lower()}", None)
        if not busy:
            return self.found("there is none", None)
        words = f"{', '.join(f'{each:.0f}%' for each in busy)} busy, at most {self._most_percent:g}%"
        return self.found(words, max(busy) <= self._most_percent)

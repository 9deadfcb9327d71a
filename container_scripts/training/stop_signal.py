"""^C and SIGTERM: at once while there is nothing to save, after the current step while a model trains."""

import signal


class Stopped(SystemExit):
    """The signal came when nothing had to be saved."""

    def __init__(self):
        super().__init__(130)


class StopSignal:
    """Remembers that the run was asked to stop; `saving` says that the asked one is to look at `asked` itself."""

    def __init__(self):
        self.asked = False
        self.saving = False
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._remember)

    def _remember(self, *_):
        self.asked = True
        if not self.saving:
            raise Stopped()

# SPDX-License-Identifier: GPL-2.0
"""What is common to the servers that tests start?"""


class Server:
    """`with` calls start(), and stop() in any case."""

    def __enter__(self):
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_):
        self.stop()

"""What do a get and a put cost as `logging` lets more of them through?"""

import logging
import statistics

from harness import BLOCK, Row, alternate, loop, median_ratio, new_brain, report

N_NAMES = 100
REACH_INFO = 1.1
REACH_DEBUG = 4  # times a call of logging
SAYS = "d.debug('recalled %s of %d bytes', k, 8)"
STATEMENTS = {"get": "d[k]", "put": "d[k] = 1_000_000"}


class Swallow(logging.Handler):
    def emit(self, record):
        record.getMessage()


def block(statement, d, items, level):
    run = loop(statement)
    logger = logging.getLogger("brain_plasma")

    def timed():
        logger.setLevel(level)
        return run(d, items) / len(items)

    return timed


def rows():
    logger = logging.getLogger("brain_plasma")
    logger.propagate = False
    logger.addHandler(Swallow())
    with new_brain() as brain:
        names = [f"name {number}" for number in range(N_NAMES)]
        brain.update({name: 1_000_000 for name in names})
        items = names * (BLOCK // N_NAMES)
        for what, statement in STATEMENTS.items():
            off, info, debug, call = alternate(
                block(statement, brain, items, logging.CRITICAL),
                block(statement, brain, items, logging.INFO),
                block(statement, brain, items, logging.DEBUG),
                block(SAYS, logger, items, logging.DEBUG),
                n_blocks=30,
            )
            yield Row(
                f"{what} an int, logging at INFO",
                statistics.median(info),
                "ns",
                REACH_INFO,
                base=statistics.median(off),
                ratio=median_ratio(info, off),
                base_name="off",
            )
            yield Row(
                f"{what} an int, logging at DEBUG",
                statistics.median(debug),
                "ns",
                REACH_DEBUG,
                base=statistics.median(call),
                ratio=median_ratio(debug, call),
                base_name="logger.debug()",
            )


if __name__ == "__main__":
    report(rows())

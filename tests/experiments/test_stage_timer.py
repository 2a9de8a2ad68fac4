import time

from nmjax.experiments.progress import SilentProgress
from nmjax.experiments.stage_timer import StageTimer


def test_a_stage_ends_when_the_next_begins():
    told = []

    class Told(SilentProgress):
        def update(self, stage, done, total):
            told.append((stage, done, total))

    stages = StageTimer(Told())
    stages.begin("load")
    time.sleep(0.02)
    stages.begin("learn")
    assert list(stages.seconds) == ["load"]
    stages.end()
    stages.end()
    assert told == [("load", 0, 1), ("load", 1, 1), ("learn", 0, 1), ("learn", 1, 1)]
    assert stages.seconds["load"] >= 0.02 > stages.seconds["learn"] >= 0

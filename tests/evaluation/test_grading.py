"""An answer that cannot be compared in time."""

from arrol_serve.answers.pool import AnswerPool
from arrol_serve.answers.spec import AnswerSpec
from arrol_serve.rollout import Fate
from trainer.evaluation.datasets import Item
from trainer.evaluation.grading import Reply, grade


def test_an_answer_that_hangs_is_a_time_out_and_not_right() -> None:
    pool = AnswerPool(workers=1, timeout_s=2.0)
    try:
        texts = [r"\boxed{9^{9^{9^9}}}", r"\boxed{7}"]
        replies = [Reply(text, 3, Fate.FINISHED) for text in texts]
        record = grade(pool, "unpruned", Item("x/1", "?", "7"), replies, AnswerSpec())
    finally:
        pool.close()
    assert record.timeouts == 1
    assert [s.right for s in record.samples] == [None, True]

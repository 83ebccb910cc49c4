"""A data set's classes and a head's: as many, or a line that says both numbers."""

from types import SimpleNamespace

import pytest
from torch import nn

from mmdenoise.engine.dataset_classes_hook import DatasetClassesHook
from mmdenoise.models.label_check import LabelCheck


class Head(nn.Module):
    def __init__(self, classes):
        super().__init__()
        self.decode_head = nn.Module()
        self.decode_head.num_classes = classes
        self.data_preprocessor = nn.Module()


def runner(model, classes):
    dataset = SimpleNamespace(metainfo=dict(classes=classes))
    loader = SimpleNamespace(dataset=dataset)
    return SimpleNamespace(model=model, test_dataloader=loader)


def test_another_number_is_refused_with_both():
    with pytest.raises(ValueError, match=r"names 2 classes \(cat, dog\).* has 21"):
        DatasetClassesHook().before_test(runner(Head(21), ("cat", "dog")))
    with pytest.raises(ValueError, match=r"names 4 classes \(a, b, c, \.\.\.\).*has 3"):
        DatasetClassesHook().before_test(runner(Head(3), ["a", "b", "c", "d"]))


@pytest.mark.parametrize(
    "classes, named",
    [(2, ("cat", "dog")), (1, ("kitchen", "office")), (3, None), (3, ())],
    ids=["equal", "depth", "none", "empty"],
)
def test_what_can_be_right_passes(classes, named):
    DatasetClassesHook().before_test(runner(Head(classes), named))


def test_a_cascades_own_look_into_its_head_is_taken():
    cascade = nn.Module()
    cascade.data_preprocessor = nn.Module()
    cascade.data_preprocessor.check_labels = LabelCheck(Head(5))
    wrapped = nn.Module()
    wrapped.module = cascade
    with pytest.raises(ValueError, match="names 2 classes.* has 5"):
        DatasetClassesHook().before_test(runner(wrapped, ("cat", "dog")))


def test_another_order_is_refused_by_its_first_label():
    model = Head(3)
    model.dataset_meta = dict(classes=("sky", "cat", "dog"))
    with pytest.raises(ValueError, match="label 1 is 'dog' there, and 'cat' in the"):
        DatasetClassesHook().before_test(runner(model, ("sky", "dog", "cat")))
    DatasetClassesHook().before_test(runner(model, ["sky", "cat", "dog"]))
    # Other names, in another language perhaps, say nothing of the order.
    DatasetClassesHook().before_test(runner(model, ("ciel", "chien", "chat")))


def test_hosts_count_the_data_sets_classes_in_silence():
    """Why the hook is there: a pixel of a class that is not named counts nowhere."""
    torch = pytest.importorskip("torch")
    metrics = pytest.importorskip("mmseg.evaluation")
    predicted, label = torch.tensor([[0, 1, 2, 2]]), torch.tensor([[0, 1, 1, 1]])
    areas = metrics.IoUMetric.intersect_and_union(predicted, label, 2, 255)
    assert [area.tolist() for area in areas][0] == [1, 1]
    assert areas[2].tolist() == [1, 1]  # two predictions are gone

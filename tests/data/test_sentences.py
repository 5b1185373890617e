from rnnbench.data.sentences import TEST, TRAIN, Sentences


def test_the_built_in_sentences_share_their_words():
    assert len(TRAIN) == 4
    assert len(TEST) == 2
    splits = Sentences().load(0)
    assert all((x > 1).all() for x in splits.test.inputs)
    assert Sentences().spec.target_size == len({label for _, label in TRAIN + TEST})

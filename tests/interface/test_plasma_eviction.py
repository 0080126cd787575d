"""A store that is full: what is evicted for a new object, what never is, and what is refused."""

import pytest
from implementation import plasma
from processes import eventually

CAPACITY = 1_000_000  # of small_store
TENTH = CAPACITY // 10


def new_id():
    return plasma.ObjectID.from_random()


def fill(client, count, size=TENTH):
    """Objects that nobody uses, the oldest first."""
    return [client.put_raw_buffer(bytes(size)) for _ in range(count)]


def there(client, ids):
    return [client.contains(id) for id in ids]


@pytest.mark.covers("PlasmaClient.store_capacity", "PlasmaClient.create", "PlasmaStoreFull")
def test_one_object_of_exactly_the_capacity_fits(small_client):
    for _ in range(3):
        id = new_id()
        buffer = small_client.create(id, CAPACITY)
        small_client.seal(id)
        assert buffer.size == CAPACITY
        del buffer
        small_client.delete([id])


@pytest.mark.covers("PlasmaClient.store_capacity", "PlasmaClient.create(metadata)")
def test_data_and_metadata_together_may_be_the_capacity(small_client):
    id = new_id()
    small_client.create_and_seal(id, b"d" * (CAPACITY - 1000), b"m" * 1000)
    assert small_client.contains(id)
    with pytest.raises(plasma.PlasmaStoreFull):
        small_client.create_and_seal(new_id(), b"d" * (CAPACITY - 1000), b"m" * 1001)


@pytest.mark.covers("PlasmaClient.create", "PlasmaStoreFull")
def test_one_byte_more_is_refused_and_leaves_the_id_free(small_client):
    id = new_id()
    for _ in range(3):
        with pytest.raises(plasma.PlasmaStoreFull):
            small_client.create(id, CAPACITY + 1)
        with pytest.raises(plasma.PlasmaStoreFull):
            small_client.put_raw_buffer(bytes(CAPACITY + 1), id)
        with pytest.raises(plasma.PlasmaStoreFull):
            small_client.create_and_seal(id, bytes(CAPACITY + 1))
        with pytest.raises(plasma.PlasmaStoreFull):
            small_client.put(bytes(CAPACITY + 1), id)
    assert id not in small_client.list()
    small_client.put("free", id)


@pytest.mark.covers("PlasmaClient.create", "PlasmaClient (eviction)")
def test_a_store_can_be_filled_again_and_again(small_client):
    for size in (1, 1000, 33_333, TENTH, CAPACITY, 5, CAPACITY):
        for _ in range(20):
            id = small_client.put_raw_buffer(b"x" * size)
            assert small_client.get_buffers([id])[0].size == size


@pytest.mark.covers("PlasmaClient.create", "PlasmaClient (eviction)")
def test_create_evicts_the_oldest(small_client):
    ids = fill(small_client, 9)
    assert all(there(small_client, ids))
    small_client.put_raw_buffer(bytes(TENTH * 3 // 2))
    left = there(small_client, ids)
    assert not left[0]
    assert left[-1]
    assert left == sorted(left)  # of each that is there, all that are younger are there


@pytest.mark.covers("PlasmaClient.evict", "PlasmaClient (eviction)")
def test_evict_goes_by_the_order_of_last_release(small_client):
    ids = fill(small_client, 5)
    held = [small_client.get_buffers([id])[0] for id in ids]
    for number in (2, 0, 4, 1, 3):
        held[number] = None
    for number in (2, 0, 4, 1, 3):
        assert small_client.contains(ids[number])
        assert small_client.evict(1) == TENTH
        assert not small_client.contains(ids[number])


@pytest.mark.covers("PlasmaClient.evict", "PlasmaClient (eviction)")
def test_a_look_at_an_object_makes_it_the_youngest(small_client):
    ids = fill(small_client, 3)
    small_client.get_buffers([ids[0]])
    small_client.evict(1)
    assert there(small_client, ids) == [True, False, True]


@pytest.mark.covers("PlasmaClient.evict")
def test_evict_returns_the_bytes_that_it_freed(small_client):
    small_client.create_and_seal(new_id(), b"d" * 1000, b"m" * 23)
    small_client.create_and_seal(new_id(), b"d" * 998)
    small_client.create_and_seal(new_id(), b"d" * 997)
    freed = small_client.evict(1)
    assert type(freed) is int
    assert freed == 1023
    assert small_client.evict(999) == 998 + 997
    assert small_client.evict(1) == 0


@pytest.mark.covers("PlasmaClient.evict")
def test_evict_of_more_than_there_is_frees_what_it_can(small_client):
    fill(small_client, 5)
    assert small_client.evict(0) == 0
    assert small_client.evict(10**12) == 5 * TENTH
    assert small_client.list() == {}


@pytest.mark.covers("PlasmaClient.evict", "PlasmaClient (eviction)")
def test_an_object_that_is_not_sealed_is_never_evicted(small_client):
    id = new_id()
    buffer = small_client.create(id, TENTH)
    del buffer
    assert small_client.evict(10**9) == 0
    fill(small_client, 20)
    assert small_client.list()[id]["state"] == "created"
    small_client.seal(id)
    assert small_client.contains(id)


@pytest.mark.covers("PlasmaClient.evict", "PlasmaClient (eviction)")
def test_an_object_with_a_buffer_is_never_evicted(small_store, small_client):
    second_client = small_store.connect()
    ids = fill(small_client, 4)
    [mine] = small_client.get_buffers([ids[0]])
    [of_another] = second_client.get_buffers([ids[1]])
    assert small_client.evict(10**9) == 2 * TENTH
    fill(small_client, 20)
    assert there(small_client, ids) == [True, True, False, False]
    assert mine.to_pybytes() == of_another.to_pybytes() == bytes(TENTH)


@pytest.mark.covers("PlasmaClient (eviction)")
def test_an_object_with_a_buffer_in_another_process_is_never_evicted(
    small_store, small_client, other
):
    [id] = fill(small_client, 1)
    holder = other(
        "client = plasma.connect(path)\n"
        f"buffers = client.get_buffers([plasma.ObjectID({id.binary()!r})])\n"
        "print('held')\nsys.stdout.flush()\ninput()",
        small_store.path,
    )
    assert holder.line() == "held"
    fill(small_client, 20)
    assert small_client.contains(id)
    holder.kill()
    eventually(lambda: small_client.list()[id]["ref_count"] == 0)
    fill(small_client, 10)
    assert not small_client.contains(id)


@pytest.mark.covers("PlasmaStoreFull", "PlasmaClient (eviction)")
def test_a_store_full_of_what_is_used_is_full(small_client):
    held = [small_client.get_buffers([id])[0] for id in fill(small_client, 6)]
    for _ in range(3):
        with pytest.raises(plasma.PlasmaStoreFull):
            small_client.create(new_id(), 5 * TENTH)
    assert small_client.put_raw_buffer(bytes(3 * TENTH))
    assert [buffer.size for buffer in held] == [TENTH] * 6


@pytest.mark.covers("PlasmaStoreFull", "PlasmaClient (eviction)")
def test_dropping_the_last_buffer_counts_at_once(small_client):
    [buffer] = small_client.get_buffers([small_client.put_raw_buffer(bytes(6 * TENTH))])
    with pytest.raises(plasma.PlasmaStoreFull):
        small_client.create(new_id(), 5 * TENTH)
    del buffer
    small_client.create(new_id(), 5 * TENTH)


@pytest.mark.covers("PlasmaClient.create", "PlasmaClient (eviction)")
def test_an_unsealed_object_counts_until_it_is_freed(small_client):
    id = new_id()
    buffer = small_client.create(id, 6 * TENTH)
    with pytest.raises(plasma.PlasmaStoreFull):
        small_client.create(new_id(), 5 * TENTH)
    small_client.seal(id)
    del buffer
    small_client.create(new_id(), 5 * TENTH)


@pytest.mark.covers("PlasmaStoreFull")
@pytest.mark.defect("has by then evicted what could not help")
def test_what_is_refused_evicts_nothing(small_client):
    ids = fill(small_client, 3)
    [buffer] = small_client.get_buffers([small_client.put_raw_buffer(bytes(5 * TENTH))])
    with pytest.raises(plasma.PlasmaStoreFull):
        small_client.create(new_id(), 6 * TENTH)
    with pytest.raises(plasma.PlasmaStoreFull):
        small_client.create(new_id(), 2 * CAPACITY)
    assert all(there(small_client, ids))
    assert buffer.size == 5 * TENTH

namespace EdgeAgent.Graph.Evaluation;

/// <summary>
/// Reuses the arrays of intermediate tensors between nodes and runs: without it every large activation is a fresh,
/// zeroed allocation. Arrays have exactly the length asked for and come with old contents. Thread-safe.
/// </summary>
internal sealed class BufferPool
{
    private readonly Dictionary<int, Stack<float[]>> _free = [];
    private readonly Lock _lock = new();

    public float[] Rent(int length)
    {
        lock (_lock)
            if (_free.TryGetValue(length, out var arrays) && arrays.TryPop(out var array))
                return array;
        return GC.AllocateUninitializedArray<float>(length);
    }

    public void Return(float[] array)
    {
        lock (_lock)
        {
            if (!_free.TryGetValue(array.Length, out var arrays))
                _free[array.Length] = arrays = [];
            arrays.Push(array);
        }
    }

    /// <summary>Forgets all arrays, for the time when their sizes will not be asked for again.</summary>
    public void Clear()
    {
        lock (_lock)
            _free.Clear();
    }
}

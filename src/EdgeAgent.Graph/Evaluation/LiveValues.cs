using EdgeAgent.Graph.Ir;

namespace EdgeAgent.Graph.Evaluation;

/// <summary>
/// The values of one run. Tensors may share an array (Reshape does not copy); an array goes back to the pool when the
/// last reader of the last tensor on it is done.
/// </summary>
internal sealed class LiveValues(IReadOnlyDictionary<string, int> readers, BufferPool pool)
{
    private readonly Dictionary<string, (Tensor Tensor, int Readers)> _values = [];
    private readonly Dictionary<Array, int> _owners = new(ReferenceEqualityComparer.Instance);
    private readonly HashSet<Array> _foreign = new(ReferenceEqualityComparer.Instance);

    public Tensor? this[string name] => _values.TryGetValue(name, out var value) ? value.Tensor : null;

    /// <summary>An input or a constant: its array belongs to somebody else and is never reused.</summary>
    public void AddForeign(string name, Tensor tensor)
    {
        _values[name] = (tensor, int.MaxValue);
        _foreign.Add(tensor.Data);
    }

    public void Add(string name, Tensor tensor)
    {
        _values[name] = (tensor, readers.GetValueOrDefault(name));
        if (tensor.Data is float[] && !IsForeign(tensor))
            _owners[tensor.Data] = _owners.GetValueOrDefault(tensor.Data) + 1;
        if (!readers.ContainsKey(name))
            Drop(name);
    }

    /// <summary>True if the only outstanding read of this run's array is the one going on: it may be overwritten.</summary>
    public bool IsLastReader(string name) =>
        _values.TryGetValue(name, out var value) && value.Readers == 1 && _owners.GetValueOrDefault(value.Tensor.Data) == 1;

    public void Release(string name)
    {
        if (name.Length == 0 || !_values.TryGetValue(name, out var value) || value.Readers == int.MaxValue)
            return;
        _values[name] = value with { Readers = value.Readers - 1 };
        if (value.Readers == 1)
            Drop(name);
    }

    /// <summary>Hands a result to the caller in an array that nobody else reads or reuses.</summary>
    public Tensor Take(string name)
    {
        var tensor = _values[name].Tensor;
        if (!IsForeign(tensor) && _owners.GetValueOrDefault(tensor.Data) <= 1)
            return tensor;
        return Tensor.Copy(tensor);
    }

    private bool IsForeign(Tensor tensor) => _foreign.Contains(tensor.Data);

    private void Drop(string name)
    {
        if (!_values.Remove(name, out var value) || !_owners.TryGetValue(value.Tensor.Data, out var owners))
            return;
        if (owners > 1)
            _owners[value.Tensor.Data] = owners - 1;
        else
        {
            _owners.Remove(value.Tensor.Data);
            pool.Return((float[])value.Tensor.Data);
        }
    }
}

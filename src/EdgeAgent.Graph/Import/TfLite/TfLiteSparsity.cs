using EdgeAgent.Graph.Ir;

namespace EdgeAgent.Graph.Import.TfLite;

/// <summary>
/// Weights of which only those that are not zero are stored, made dense again. The axes, and behind them those of blocks within
/// them, are stored in an order of their own, each either whole or as the indices that occur (compressed sparse rows).
/// </summary>
internal sealed class TfLiteSparsity
{
    /// <summary>A file of zeros may be made so much larger; pruned weights have a few percent left.</summary>
    private const int MaxFactor = 64;

    private readonly string _place;
    private readonly int[] _shape, _order, _blockedAxes, _blockSizes;
    private readonly Level[] _levels;
    private long _visits;

    private TfLiteSparsity(FlatTable table, int[] shape, string place)
    {
        (_shape, _place) = (shape, place);
        (_order, _blockedAxes) = (table.Ints(0) ?? [], table.Ints(1) ?? []);
        _levels = Array.ConvertAll(table.Tables(2), t => new Level(t.Byte(0) == 1, t.Int(1), Indices(t, 2), Indices(t, 4)));
        var rank = shape.Length;
        if (_levels.Length != rank + _blockedAxes.Length || _order.Length != _levels.Length || !_order.Order().SequenceEqual(Enumerable.Range(0, _levels.Length))
            || _order.Take(rank).Any(axis => axis >= rank) || _blockedAxes.Any(axis => axis < 0 || axis >= rank) || shape.Any(d => d < 1))
            throw Damaged();
        _blockSizes = new int[_blockedAxes.Length];
        for (var level = rank; level < _levels.Length; level++)
            _blockSizes[_order[level] - rank] = _levels[level].Size;
        for (var level = 0; level < _levels.Length; level++)
        {
            // Sparse levels say their indices only; their size is that of the axis, in blocks.
            var size = level < rank ? Blocks(_order[level]) : _levels[level].Size;
            if (size < 1 || !_levels[level].IsSparse && _levels[level].Size != size)
                throw Damaged();
            _levels[level] = _levels[level] with { Size = size };
        }
    }

    /// <summary>The elements of a tensor stored by <paramref name="table"/>, zeros included.</summary>
    /// <param name="place">Names the tensor in errors.</param>
    /// <param name="size">Bytes of an element.</param>
    public static byte[] Densified(FlatTable table, int[] shape, ReadOnlySpan<byte> stored, int size, FlatFile file, string place)
    {
        var sparsity = new TfLiteSparsity(table, shape, place);
        var bytes = ShapeInference.ElementsPerSample(shape) * size;
        if (bytes > MaxFactor * ((long)stored.Length + 1024))
            throw new ImportFault($"{place} stores {stored.Length} of {bytes} bytes, which is more zeros than any model has; the file is damaged");
        file.Spend(bytes / MaxFactor);
        var dense = new byte[bytes];
        var next = 0;
        sparsity.Fill(new int[sparsity._levels.Length], 0, 0, stored, size, dense, ref next);
        return next == stored.Length ? dense : throw sparsity.Damaged();
    }

    private void Fill(int[] indices, int level, long parent, ReadOnlySpan<byte> stored, int size, byte[] dense, ref int next)
    {
        // Segments that overlap would be gone through again and again.
        if (++_visits > (_levels.Length + 1L) * (dense.Length + 1))
            throw Damaged();
        if (level == _levels.Length)
        {
            if (next + size > stored.Length)
                throw Damaged();
            stored.Slice(next, size).CopyTo(dense.AsSpan(size * Position(indices)));
            next += size;
            return;
        }
        var here = _levels[level];
        if (!here.IsSparse)
            for (var i = 0; i < here.Size; i++)
            {
                indices[level] = i;
                Fill(indices, level + 1, parent * here.Size + i, stored, size, dense, ref next);
            }
        else
        {
            if (parent + 1 >= here.Segments.Length || here.Segments[parent] < 0 || here.Segments[parent + 1] > here.Occurring.Length)
                throw Damaged();
            for (var i = here.Segments[parent]; i < here.Segments[parent + 1]; i++)
            {
                indices[level] = here.Occurring[i] >= 0 && here.Occurring[i] < here.Size ? here.Occurring[i] : throw Damaged();
                Fill(indices, level + 1, i, stored, size, dense, ref next);
            }
        }
    }

    private int Position(int[] indices)
    {
        Span<int> at = stackalloc int[_shape.Length];
        for (var level = 0; level < _shape.Length; level++)
            at[_order[level]] = indices[level];
        for (var level = _shape.Length; level < indices.Length; level++)
        {
            var block = _order[level] - _shape.Length;
            at[_blockedAxes[block]] = at[_blockedAxes[block]] * _blockSizes[block] + indices[level];
        }
        var position = 0;
        for (var axis = 0; axis < _shape.Length; axis++)
            position = position * _shape[axis] + at[axis];
        return position;
    }

    private int Blocks(int axis)
    {
        var size = _shape[axis];
        for (var block = 0; block < _blockedAxes.Length; block++)
            if (_blockedAxes[block] == axis)
                size = _blockSizes[block] > 0 && size % _blockSizes[block] == 0 ? size / _blockSizes[block] : throw Damaged();
        return size;
    }

    /// <summary>A vector of 32, 16 or 8 bits, as the field before it says.</summary>
    private static int[] Indices(FlatTable level, int type) => (level.Byte(type), level.Table(type + 1)) switch
    {
        (1, { } values) => values.Ints(0) ?? [],
        (2, { } values) => values.UShorts(0) ?? [],
        (3, { } values) => Array.ConvertAll(values.Bytes(0).ToArray(), b => (int)b),
        _ => [],
    };

    private ImportFault Damaged() => new($"{_place} is stored sparsely in a way that does not fit [{string.Join(',', _shape)}]; the file is damaged");

    /// <param name="Segments">For each index of the levels before, where its part of <paramref name="Occurring"/> begins; and one more.</param>
    private readonly record struct Level(bool IsSparse, int Size, int[] Segments, int[] Occurring);
}

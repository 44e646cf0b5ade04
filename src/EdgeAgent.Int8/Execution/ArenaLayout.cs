using EdgeAgent.Int8.Plan;

namespace EdgeAgent.Int8.Execution;

/// <summary>Place of one tensor in the arena; a border lies around height and width.</summary>
/// <param name="Offset">Byte of the top left corner of the border.</param>
/// <param name="RowStride">Bytes from one row to the next, border included.</param>
internal readonly record struct TensorPlace(int Offset, int Top, int Left, int Bottom, int Right, int RowStride, int Bytes)
{
    public bool HasBorder => (Top | Left | Bottom | Right) != 0;
}

/// <summary>
/// Gives every tensor a place in one arena: tensors that are alive at the same time do not overlap. A tensor gets the
/// border that the convolutions reading it pad, so that none of them has to copy it.
/// </summary>
internal sealed class ArenaLayout
{
    /// <summary>Kernels may read this much beyond the last tensor.</summary>
    public const int Slack = 256;

    private const int Alignment = 64;

    /// <summary>Orders that are tried from each start, fewer of large networks: loading is not to take long.</summary>
    private const int MaxAttempts = 50, PairsOfAllAttempts = 250_000;

    private ArenaLayout(TensorPlace[] places, int bytes, long largestLiveSet)
    {
        Places = places;
        Bytes = bytes;
        LargestLiveSet = largestLiveSet;
    }

    public IReadOnlyList<TensorPlace> Places { get; }

    /// <summary>Size of the arena without <see cref="Slack"/>.</summary>
    public int Bytes { get; }

    /// <summary>The least any layout could need, borders and alignment included.</summary>
    public long LargestLiveSet { get; }

    /// <exception cref="PlanFormatException">The tensors do not fit into 2 GiB.</exception>
    public static ArenaLayout Of(PlanModel model)
    {
        var places = Borders(model);
        var (first, last) = Lifetimes(model);
        var live = 0L;
        for (var step = 0; step < model.Steps.Count; step++)
        {
            var sum = 0L;
            for (var i = 0; i < places.Length; i++)
                sum += first[i] <= step && step <= last[i] ? places[i].Bytes : 0;
            live = Math.Max(live, sum);
        }
        var offsets = Pack(places, first, last, live, out var total);
        if (total > int.MaxValue - Slack)
            throw new PlanFormatException($"plan: '{model.Name}' needs more than 2 GiB of activations");
        for (var i = 0; i < places.Length; i++)
            places[i] = places[i] with { Offset = (int)offsets[i] };
        return new(places, (int)total, live);
    }

    /// <summary>
    /// Offsets by first fit. Most networks need no more than the order of size; where it leaves gaps, whatever tensor ends
    /// highest is placed first the next time, from the order of size and then from that of lifetime.
    /// </summary>
    private static long[] Pack(TensorPlace[] places, int[] first, int[] last, long live, out long total)
    {
        var (best, offsets) = (new long[places.Length], new long[places.Length]);
        total = long.MaxValue;
        var attempts = Math.Clamp(PairsOfAllAttempts / places.Length / places.Length, 1, MaxAttempts);
        Func<int, long>[] ranks = [i => places[i].Bytes, i => last[i] - first[i], i => (long)places[i].Bytes * (last[i] - first[i] + 1), i => -first[i]];
        foreach (var rank in ranks)
        {
            var order = new List<int>(places.Length);
            for (var i = 0; i < places.Length; i++)
                order.Add(i);
            order.Sort((a, b) => (rank(b), places[b].Bytes, first[a], a).CompareTo((rank(a), places[a].Bytes, first[b], b)));
            for (var attempt = 0; attempt < attempts && total > live; attempt++)
            {
                var highest = FirstFit(order, places, first, last, offsets);
                var end = offsets[highest] + places[highest].Bytes;
                if (end < total)
                    (total, best, offsets) = (end, offsets, best);
                order.Remove(highest);
                order.Insert(0, highest);
            }
        }
        return best;
    }

    /// <summary>Each tensor at the lowest offset where it fits between those placed before it that live at the same time.</summary>
    /// <returns>The tensor that ends highest.</returns>
    private static int FirstFit(List<int> order, TensorPlace[] places, int[] first, int[] last, long[] offsets)
    {
        var placed = new List<int>(order.Count);
        var highest = order[0];
        var byOffset = Comparer<int>.Create((a, b) => (offsets[a], a).CompareTo((offsets[b], b)));
        foreach (var i in order)
        {
            long offset = 0;
            foreach (var j in placed)
            {
                if (last[j] < first[i] || last[i] < first[j])
                    continue;
                if (offset + places[i].Bytes <= offsets[j])
                    break;
                offset = Math.Max(offset, offsets[j] + places[j].Bytes);
            }
            offsets[i] = offset;
            placed.Insert(~placed.BinarySearch(i, byOffset), i);
            if (offset + places[i].Bytes > offsets[highest] + places[highest].Bytes || i == highest)
                highest = i;
        }
        return highest;
    }

    private static TensorPlace[] Borders(PlanModel model)
    {
        var borders = new (int Top, int Left, int Bottom, int Right)[model.Tensors.Count];
        foreach (var op in model.Steps)
        {
            if (op is not Convolution { Window: { HasPads: true } w })
                continue;
            ref var b = ref borders[op.Inputs[0]];
            b = (Math.Max(b.Top, w.PadTop), Math.Max(b.Left, w.PadLeft), Math.Max(b.Bottom, w.PadBottom), Math.Max(b.Right, w.PadRight));
        }
        var places = new TensorPlace[borders.Length];
        for (var i = 0; i < places.Length; i++)
        {
            var (b, t) = (borders[i], model.Tensors[i]);
            var element = t.Element == PlanElement.Float32 ? 4L : 1L;
            var stride = (t.Shape.Width + b.Left + b.Right) * (long)t.Shape.Channels * element;
            var bytes = (t.Shape.Height + b.Top + b.Bottom) * stride;
            if (bytes > int.MaxValue - Slack - Alignment)
                throw new PlanFormatException($"plan: tensor {i} of '{model.Name}' needs {bytes} bytes with its padding");
            places[i] = new(0, b.Top, b.Left, b.Bottom, b.Right, (int)stride, ((int)bytes + Alignment - 1) & -Alignment);
        }
        return places;
    }

    /// <summary>The steps that write and last read each tensor, inclusive.</summary>
    private static (int[] First, int[] Last) Lifetimes(PlanModel model)
    {
        var first = new int[model.Tensors.Count];
        var last = new int[model.Tensors.Count];
        for (var step = 0; step < model.Steps.Count; step++)
        {
            var op = model.Steps[step];
            first[op.Output] = last[op.Output] = step;
            foreach (var input in op.Inputs)
                last[input] = step;
        }
        last[model.OutputTensor] = model.Steps.Count;
        return (first, last);
    }
}

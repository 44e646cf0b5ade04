using EdgeAgent.Graph.Import.ChannelsLast;
using EdgeAgent.Graph.Ir;

namespace EdgeAgent.Graph.Import.Keras;

/// <summary>Python's x[...]: slices, single elements, new axes and an ellipsis, as either version of Keras writes them.</summary>
internal static class KerasItems
{
    public static Laid Pick(KerasFunction f)
    {
        // Keras 2 calls the key slice_spec; in Keras 3 it is the second argument.
        var named = f.Option("slice_spec", "key");
        var key = !named.IsNull ? named : f.Call.Json.IsObject && f.Call.Json["args"].Items is [_, var second, ..] ? second : throw f.Fault("has no key that is known");
        var items = Parts(key);
        var consumed = items.Count(i => !i.IsNull && !IsEllipsis(i));
        if (consumed > f.Shape.Length || items.Count(IsEllipsis) > 1)
            throw f.Fault($"its key of {consumed} parts does not fit [{string.Join(',', f.Shape)}]");
        var (starts, ends, axes, steps) = (new List<int>(), new List<int>(), new List<int>(), new List<int>());
        // Of the result: positions of the operand's axes, and -1 for a new one.
        var kept = new List<int>();
        var axis = 0;
        foreach (var item in items)
        {
            if (item.IsNull)
                kept.Add(-1);
            else if (IsEllipsis(item))
                for (var skipped = f.Shape.Length - consumed; skipped > 0; skipped--)
                    kept.Add(axis++);
            else if (item.IsNumber)
            {
                var at = item.Int(0);
                axis = Cut(at, at == -1 ? int.MaxValue : at + 1, 1);
            }
            else
            {
                var slice = item["config"].IsObject ? item["config"] : item;
                var step = slice["step"].Int(1);
                kept.Add(axis);
                axis = Cut(slice["start"].Int(step > 0 ? 0 : int.MaxValue), slice["stop"].Int(step > 0 ? int.MaxValue : int.MinValue), step);
            }
        }
        kept.AddRange(Enumerable.Range(axis, f.Shape.Length - axis));
        var picked = f.Graph.Slice(f.Name, f.X, new([.. starts], [.. ends], [.. axes], [.. steps]));
        var shape = f.Graph.Shape(picked);
        return f.Graph.Reshape(f.Name + "_axes", picked, [.. kept.Select(a => a < 0 ? 1 : shape[a])], f.Fault);

        int Cut(int start, int end, int step)
        {
            if (step == 0)
                throw f.Fault("has a step of 0");
            if ((start, end, step) != (0, int.MaxValue, 1))
            {
                if (f.Shape[axis] < 1)
                    throw f.Fault("picks from the batch, which is not supported");
                starts.Add(start);
                ends.Add(end);
                axes.Add(axis);
                steps.Add(step);
            }
            return axis + 1;
        }
    }

    /// <summary>The parts of a tuple, or the only one.</summary>
    internal static IReadOnlyList<KerasJson> Parts(KerasJson key) =>
        key.IsArray ? key.Items
        : key.IsObject && key["class_name"].Text() == "__tuple__" ? (key["items"].IsArray ? key["items"] : key["config"]["value"]).Items
        : [key];

    private static bool IsEllipsis(KerasJson item) => item.IsObject && item["class_name"].Text() is "__ellipsis__" or "ellipsis" || item.IsText && item.Text() is "..." or "Ellipsis";
}

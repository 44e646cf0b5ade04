using EdgeAgent.Graph.Import.ChannelsLast;
using EdgeAgent.Graph.Ir;

namespace EdgeAgent.Graph.Import.Keras;

/// <summary>What functions compute from the shapes of values: numbers that are known at import, in terms of the batch.</summary>
internal sealed class KerasKnown(ChannelsLastGraph graph)
{
    private readonly Dictionary<KerasReference, FoldedValue> _values = [];

    public FoldedValue? Of(KerasReference reference) => _values.GetValueOrDefault(reference);

    public bool Has(KerasArgument argument) => argument.Reference is { } reference && _values.ContainsKey(reference);

    /// <summary>Computes a function of shapes; false if it is one of data.</summary>
    /// <param name="value">An argument that is a value of the graph.</param>
    public bool TryApply(string function, KerasLayer layer, KerasLayerCall call, Func<KerasArgument, Laid> value)
    {
        var name = KerasFunctions.Simple(function[(function.LastIndexOf('.') + 1)..]);
        var arguments = call.Arguments;
        FoldedValue? result = null;
        if (name == "shape" && arguments is [var x, ..] && !Has(x))
            result = FoldedArithmetic.ShapeOf(graph.Shape(value(x)), ElementType.Int32);
        else if (arguments.Any(Has) && arguments.All(a => a.Reference is null || Has(a)))
            result = Folded(name, layer, call, [.. arguments.Select(a => a.Reference is { } reference ? _values[reference] : new FoldedValue(ElementType.Int32, [], [new(a.Number)]))]);
        if (result is null)
            return false;
        _values[new(layer.Name, call.Index, 0)] = result;
        return true;
    }

    private static FoldedValue? Folded(string name, KerasLayer layer, KerasLayerCall call, FoldedValue[] x) => name switch
    {
        "cast" or "identity" => x[0],
        "getitem" => Picked(layer, call, x[0]),
        "stack" when x.All(v => v.Numbers.Length == 1) => new(ElementType.Int32, [x.Length], [.. x.Select(v => v.Numbers[0])]),
        "concat" or "concatenate" => FoldedArithmetic.Join(ElementType.Int32, x, layer.Fault),
        "add" or "sub" or "subtract" or "mul" or "multiply" or "floordiv" or "floor_div" when x.Length == 2 => FoldedArithmetic.Binary(x[0], x[1], name switch
        {
            "add" => FoldedArithmetic.Add,
            "sub" or "subtract" => FoldedArithmetic.Subtract,
            "mul" or "multiply" => (a, b) => FoldedArithmetic.Multiply(a, b, layer.Fault),
            // Sizes are positive.
            _ => (a, b) => FoldedArithmetic.Divide(a, b, integer: true, layer.Fault),
        }),
        _ => null,
    };

    /// <summary>A size, or some of them.</summary>
    private static FoldedValue? Picked(KerasLayer layer, KerasLayerCall call, FoldedValue x)
    {
        if (x.Shape.Length != 1 || KerasItems.Parts((call.Options with { Place = layer.Place })["slice_spec"]) is not [{ IsNull: false } item])
            return null;
        if (item.IsNumber)
            return FoldedArithmetic.Gather(x, new(ElementType.Int32, [], [new(item.Int(0))]), 0, layer.Fault);
        var (slice, count) = (item["config"].IsObject ? item["config"] : item, x.Numbers.Length);
        return slice["step"].Int(1) == 1 ? FoldedArithmetic.Slice(x, 0, slice["start"].Int(0), slice["stop"].Int(count), 1, layer.Fault) : null;
    }
}

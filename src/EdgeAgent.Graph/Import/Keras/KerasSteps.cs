using EdgeAgent.Graph.Import.ChannelsLast;
using EdgeAgent.Graph.Ir;

namespace EdgeAgent.Graph.Import.Keras;

/// <summary>
/// A masked sequence as a recurrent layer sees it: the steps that count moved to the front, and how many there are, which ONNX's
/// recurrent layers take. Moving is a product with a matrix of zeros and ones, so that it is exact and can be trained. A step
/// that does not count has the state of the one before it in the order of computation, and zeros if there is none.
/// </summary>
internal sealed class KerasSteps
{
    private readonly KerasCall _call;
    private readonly Laid _mask, _ordinals;
    private readonly int _time;

    private KerasSteps(KerasCall call, Laid mask)
    {
        (_call, _mask, _time) = (call, mask, call.Shape[1]);
        var assembly = call.Graph.Assembly;
        // How many steps up to each one count: a product with a triangle of ones.
        var triangle = Tensor.Of([.. Enumerable.Range(0, checked(_time * _time)).Select(i => i / _time <= i % _time ? 1f : 0)], _time, _time);
        _ordinals = new(assembly.Emit(call.Name + "_ordinals", new MatMul(), mask.Name, assembly.Constant(call.Name + "_triangle", triangle)));
        var counts = assembly.Emit(call.Name + "_count", new ReduceSum([1], false), mask.Name);
        Counts = assembly.Emit(call.Name + "_counts", new Cast(ElementType.Int32), counts);
    }

    /// <summary>The number of steps that count: [batch].</summary>
    public string Counts { get; }

    public static KerasSteps Of(KerasCall call, Laid mask) => new(call, mask);

    /// <summary>[batch, time, features] with the steps that count in front and zeros behind.</summary>
    public string Gathered(string sequence)
    {
        // Row j has its 1 where the step counts and j count before it.
        var places = Matches("gathered", Before(), rows: true);
        var shown = _call.Graph.Binary(_call.Name + "_shown", new Mul(), places, _call.Graph.Reshape(_call.Name + "_mask", _mask, [_call.Shape[0], 1, _time], _call.Fault));
        return _call.Graph.Assembly.Emit(_call.Name + "_gathered", new MatMul(), shown.Name, sequence);
    }

    /// <summary>States [batch, time, D, H] of the gathered steps, each at its own step again.</summary>
    public string Scattered(string states, RecurrentOperator op)
    {
        var (graph, assembly) = (_call.Graph, _call.Graph.Assembly);
        var parts = new List<string>();
        for (var d = 0; d < op.Directions; d++)
        {
            var backwards = d == 1 || op.Direction == RecurrentDirection.Reverse;
            Laid one = op.Directions == 1 ? new(states) : graph.Slice($"{_call.Name}_direction_{d}", new(states), new([d], [d + 1], [2], [1]));
            one = graph.Reshape($"{_call.Name}_states_{d}", one, [_call.Shape[0], _time, op.Hidden], _call.Fault);
            // The last that counts up to here or, read from the end, the first from here on; behind the last one there are zeros.
            var last = backwards ? Before() : graph.Binary(_call.Name + "_last_ordinals", new Sub(), _ordinals, Activations.Number(_call.Name + "_one", 1, graph));
            var spread = assembly.Emit($"{_call.Name}_scattered_{d}", new MatMul(), Matches($"scattered_{d}", last, rows: false).Name, one.Name);
            parts.Add(graph.Reshape($"{_call.Name}_spread_{d}", new(spread), [_call.Shape[0], _time, 1, op.Hidden], _call.Fault).Name);
        }
        return parts.Count == 1 ? parts[0] : assembly.Emit(_call.Name + "_spread", new Concat(2), [.. parts]);
    }

    /// <summary>How many steps before each one count: [batch, time].</summary>
    private Laid Before() => _call.Graph.Binary(_call.Name + "_before", new Sub(), _ordinals, _mask);

    /// <summary>[batch, time, time]: 1 where the number at a step is the index of the row or column.</summary>
    private Laid Matches(string role, Laid numbers, bool rows)
    {
        var assembly = _call.Graph.Assembly;
        var indices = Tensor.Of([.. Enumerable.Range(0, _time).Select(i => (float)i)], rows ? [1, _time, 1] : [1, 1, _time]);
        var laid = _call.Graph.Reshape($"{_call.Name}_{role}_numbers", numbers, rows ? [_call.Shape[0], 1, _time] : [_call.Shape[0], _time, 1], _call.Fault);
        var equal = assembly.Emit($"{_call.Name}_{role}_equal", new Equal(), laid.Name, assembly.Constant($"{_call.Name}_{role}_indices", indices));
        return new(assembly.Emit($"{_call.Name}_{role}_places", new Cast(ElementType.Float32), equal));
    }
}

using EdgeAgent.Graph.Ir;

namespace EdgeAgent.Graph.Rewrites;

/// <summary>One direction of a recurrent layer, written out step by step. States are [batch, H] while it runs.</summary>
internal sealed class UnrolledDirection
{
    private readonly Node _node;
    private readonly RecurrentOperator _op;
    private readonly NodeComposer _composer;
    private readonly IReadOnlyDictionary<string, Tensor> _constants;
    private readonly int _direction, _steps, _depth, _hidden, _rows;
    private readonly bool _backwards;
    private readonly Operator[] _activations;
    private readonly Dictionary<string, string> _shared = [];

    public UnrolledDirection(Node node, RecurrentOperator op, int direction, NodeComposer composer, IReadOnlyDictionary<string, Tensor> constants, IReadOnlyDictionary<string, ValueSpec> shapes)
    {
        (_node, _op, _direction, _composer, _constants) = (node, op, direction, composer, constants);
        var x = shapes[node.Inputs[0]].Shape;
        (_steps, _depth, _hidden, _rows) = (x[0], x[2], op.Hidden, op.Gates * op.Hidden);
        _backwards = op.Direction == RecurrentDirection.Reverse || direction == 1;
        var count = SequenceShapes.ActivationsOf(op);
        _activations = [.. op.Activations.Skip(direction * count).Take(count).Select(Activation)];
    }

    /// <summary>All states [time, 1, batch, H], and the last one and the last cell state [1, batch, H].</summary>
    public (string States, string Last, string? Cell) Run(bool keepsLstm)
    {
        if (keepsLstm && _op is Lstm && !Has(4) && !Has(5) && !Has(6) && _activations is [Sigmoid, Tanh, Tanh])
            return Kept();
        var projected = Projected();
        var (state, cell) = (State(5), _op is Lstm ? State(6) : null);
        var results = new string[_steps];
        for (var step = 0; step < _steps; step++)
        {
            var t = _backwards ? _steps - 1 - step : step;
            var input = Part(new Reshape([-1, _rows]), Part(new StridedSlice([t], [t + 1], [0], [1]), projected));
            var (next, nextCell) = _op switch
            {
                Lstm => LstmStep(input, state, cell!),
                Gru gru => (GruStep(gru, input, state), null),
                _ => (Part(_activations[0], Sum(input, state, 0, _rows)), (string?)null),
            };
            var result = next;
            if (Has(4))
            {
                // Behind its end a sequence has no states, and keeps its last one. Backwards, its end is where it begins.
                var goesOn = Part(new Greater(), Part(new Reshape([-1, 1]), _node.Inputs[4]), _composer.Constant(_node, "time", Tensor.Of([t])));
                result = Part(new Where(), goesOn, next, Shared("zero", () => Tensor.Of([0f])));
                next = state is null ? result : Part(new Where(), goesOn, next, state);
                nextCell = nextCell is null ? null : Part(new Where(), goesOn, nextCell, cell ?? Shared("zero", () => Tensor.Of([0f])));
            }
            (state, cell) = (next, nextCell);
            results[t] = Part(new Reshape([1, 1, -1, _hidden]), result);
        }
        var states = results.Length == 1 ? results[0] : Part(new Concat(0), results);
        return (states, Part(new Reshape([1, -1, _hidden]), state!), cell is null ? null : Part(new Reshape([1, -1, _hidden]), cell));
    }

    /// <summary>The layer itself with this direction only, over the steps in its order.</summary>
    private (string, string, string?) Kept()
    {
        string Turned(string value) => _backwards ? Part(new StridedSlice([-1], [int.MinValue], [0], [-1]), value) : value;
        string Own(int input)
        {
            var tensor = _constants[_node.Inputs[input]];
            return _op.Directions == 1 ? _node.Inputs[input] : _composer.Constant(_node, "weights", Slice(tensor, 0, tensor.Count / _op.Directions).Reshape([1, .. tensor.Shape[1..]]));
        }
        List<string> inputs = [Turned(_node.Inputs[0]), Own(1), Own(2)];
        if (Has(3) || Has(7))
            inputs.Add(Has(3) ? Own(3) : "");
        if (Has(7))
            inputs.AddRange(["", "", "", Own(7)]);
        var states = Part(new Lstm(_hidden, RecurrentDirection.Forward, ["Sigmoid", "Tanh", "Tanh"]), [.. inputs]);
        var last = Part(new Reshape([1, -1, _hidden]), Part(new StridedSlice([_steps - 1], [_steps], [0], [1]), states));
        return (Turned(states), last, null);
    }

    /// <summary>W x for all steps, [time, batch, gates * H], with all biases that are only added.</summary>
    private string Projected()
    {
        var bias = Bias(0);
        var recurrent = Bias(1);
        // Where a GRU resets its product, the recurrent bias of gate h is part of it.
        var added = _op is Gru { LinearBeforeReset: true } ? 2 * _hidden : _rows;
        for (var i = 0; i < added; i++)
            bias[i] += recurrent[i];
        var weights = Constant("weights", Slice(_constants[_node.Inputs[1]], 0, _rows * _depth).Reshape(_rows, _depth));
        var product = Part(new Gemm(1, 1, false, true), Part(new Reshape([-1, _depth]), _node.Inputs[0]), weights, Constant("bias", Tensor.Of(bias, _rows)));
        return Part(new Reshape([_steps, -1, _rows]), product);
    }

    // ONNX: gates i, o, f, c; peepholes i, o, f.
    private (string State, string Cell) LstmStep(string input, string? state, string? cell)
    {
        var sum = Sum(input, state, 0, _rows);
        string Gate(int index, string? before)
        {
            var part = Gates(sum, index, 1);
            return Has(7) && before is not null ? Part(new Add(), part, Part(new Mul(), before, Peephole(index))) : part;
        }
        var next = Part(new Mul(), Part(_activations[0], Gate(0, cell)), Part(_activations[1], Gates(sum, 3, 1)));
        if (cell is not null)
            next = Part(new Add(), Part(new Mul(), Part(_activations[0], Gate(2, cell)), cell), next);
        return (Part(new Mul(), Part(_activations[0], Gate(1, next)), Part(_activations[2], next)), next);
    }

    // ONNX: gates z, r, h.
    private string GruStep(Gru gru, string input, string? state)
    {
        var sum = Sum(Gates(input, 0, 2), state, 0, 2 * _hidden);
        var update = Part(_activations[0], Gates(sum, 0, 1));
        string? candidate = null;
        if (gru.LinearBeforeReset)
        {
            var product = state is null ? Shared("reset_bias", () => ResetBias().Reshape(1, _hidden)) : Product(state, 2 * _hidden, _hidden, ResetBias);
            candidate = Part(new Mul(), Part(_activations[0], Gates(sum, 1, 1)), product);
        }
        else if (state is not null)
            candidate = Product(Part(new Mul(), Part(_activations[0], Gates(sum, 1, 1)), state), 2 * _hidden, _hidden, () => Tensor.Of(new float[_hidden], _hidden));
        var own = Gates(input, 2, 1);
        var next = Part(_activations[1], candidate is null ? own : Part(new Add(), own, candidate));
        var moved = Part(new Mul(), Part(new Sub(), Shared("one", () => Tensor.Of([1f])), update), next);
        return state is null ? moved : Part(new Add(), moved, Part(new Mul(), update, state));
    }

    private Tensor ResetBias() => Tensor.Of(Bias(1)[(2 * _hidden)..], _hidden);

    /// <summary>Input plus R h for rows of R; a state that is zero adds nothing.</summary>
    private string Sum(string input, string? state, int from, int count) =>
        state is null ? input : Part(new Add(), input, Product(state, from, count, () => Tensor.Of(new float[count], count)));

    private string Product(string state, int from, int count, Func<Tensor> bias) => Part(
        new Gemm(1, 1, false, true), state,
        Shared($"rows_{from}", () => Slice(_constants[_node.Inputs[2]], from * _hidden, count * _hidden).Reshape(count, _hidden)),
        Shared($"rows_bias_{from}", bias));

    private string Gates(string values, int first, int count) => Part(new StridedSlice([first * _hidden], [(first + count) * _hidden], [1], [1]), values);

    private string Peephole(int index) => Shared($"peephole_{index}", () => Slice(_constants[_node.Inputs[7]], index * _hidden, _hidden).Reshape(1, _hidden));

    /// <summary>The initial state of this direction; null where it is zero.</summary>
    private string? State(int input) =>
        Has(input) ? Part(new Reshape([-1, _hidden]), Part(new StridedSlice([_direction], [_direction + 1], [0], [1]), _node.Inputs[input])) : null;

    private float[] Bias(int half) => Has(3) ? Slice(_constants[_node.Inputs[3]], half * _rows, _rows).Floats : new float[_rows];

    /// <summary>A part of what a constant holds for this direction.</summary>
    private Tensor Slice(Tensor tensor, int from, int count) =>
        Tensor.Of(tensor.Floats.AsSpan(_direction * (tensor.Count / _op.Directions) + from, count).ToArray(), count);

    private bool Has(int input) => input < _node.Inputs.Count && _node.Inputs[input].Length > 0;

    private string Part(Operator op, params string[] inputs) => _composer.Part(_node, op, inputs);

    private string Constant(string what, Tensor tensor) => _composer.Constant(_node, what, tensor);

    /// <summary>A constant that every step reads.</summary>
    private string Shared(string what, Func<Tensor> make) => _shared.TryGetValue(what, out var name) ? name : _shared[what] = Constant(what, make());

    private Operator Activation(string name) => name switch
    {
        "Sigmoid" => new Sigmoid(),
        "Tanh" => new Tanh(),
        "Relu" => new Relu(),
        "HardSigmoid" => new HardSigmoid(0.2f, 0.5f),
        _ => throw new InvalidGraphException($"node '{_node.Name}' ({_op.Type}): activation {name} cannot be written out"),
    };
}

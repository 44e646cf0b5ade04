using EdgeAgent.Graph.Import.ChannelsLast;
using EdgeAgent.Graph.Ir;

namespace EdgeAgent.Graph.Import.Keras;

/// <summary>Layers of text and time series: embeddings, recurrent layers in one direction or both. Values are [batch, time, features].</summary>
internal static class KerasSequences
{
    /// <summary>The layers of Keras 1 and 2 for GPUs: the same with settings that cannot be chosen, and kernels as that library lays them out.</summary>
    private const string Gpu = "CuDNN";

    /// <summary>Layers that <see cref="Recurrent"/> and <see cref="Bidirectional"/> convert.</summary>
    private static readonly string[] _recurrent = ["CuDNNGRU", "CuDNNLSTM", "GRU", "LSTM", "SimpleRNN"];

    public static Laid Embedding(KerasCall call)
    {
        var (table, assembly) = (call.Weight("embeddings", 0, 2), call.Graph.Assembly);
        var indices = call.Graph.Plain(call.X);
        // Keras casts whatever it is given to whole numbers.
        if (assembly.Value(indices).Type == ElementType.Float32)
            indices = assembly.Emit(call.Name + "_indices", new Cast(ElementType.Int32), indices);
        return new(assembly.Emit(call.Name, new Gather(0), assembly.Constant(call.Name + "_embeddings", table), indices));
    }

    /// <summary>Every element of [batch, features], repeated n times as a sequence.</summary>
    public static Laid RepeatVector(KerasCall call)
    {
        if (call.Shape.Length != 2)
            throw call.Fault($"repeats [{string.Join(',', call.Shape)}]; vectors are supported");
        var step = call.Graph.Reshape(call.Name + "_step", call.X, [call.Shape[0], 1, call.Shape[1]], call.Fault);
        return new(call.Graph.Assembly.Emit(call.Name, new Expand([1, call.Config["n"].Int(1), 1]), step.Name));
    }

    public static IReadOnlyList<Laid> Recurrent(KerasCall call, bool keras3)
    {
        var reverse = call.Config["go_backwards"].Flag(false);
        var op = Operator(call.Layer, reverse ? RecurrentDirection.Reverse : RecurrentDirection.Forward, keras3);
        var run = Run(call, op, [Weights(call, call.Layer, 0)]);
        var sequence = Layout(call, op, run, Sequences(call.Layer), "concat");
        // Read backwards, Keras also gives the states in the order in which it computed them.
        if (reverse && Sequences(call.Layer))
            sequence = call.Graph.Slice(call.Name + "_backwards", sequence, new([-1], [int.MinValue], [1], [-1]));
        return call.Config["return_state"].Flag(false) ? [sequence, .. States(call, op, run)] : [sequence];
    }

    /// <summary>The layer, and its copy or another layer that reads from the end; states of both belong to the same step.</summary>
    public static IReadOnlyList<Laid> Bidirectional(KerasCall call, bool keras3)
    {
        var forward = new KerasLayer(call.Config["layer"]);
        var backward = call.Config["backward_layer"].IsNull ? forward : new KerasLayer(call.Config["backward_layer"]);
        if (!_recurrent.Contains(forward.Class) || backward.Class != forward.Class)
            throw call.Fault($"reads {ModelImportException.OneLine(forward.Class)} in both directions; supported are {string.Join(", ", _recurrent)}");
        var (op, other) = (Operator(forward, RecurrentDirection.Bidirectional, keras3), Operator(backward, RecurrentDirection.Bidirectional, keras3));
        if (forward.Config["go_backwards"].Flag(false) || other.Hidden != op.Hidden || other.GetType() != op.GetType() || Sequences(forward) != Sequences(backward))
            throw call.Fault("has two layers of different kinds or sizes, or a first one that reads backwards, which is not supported");
        op = op with { Activations = [.. op.Activations[..(op.Activations.Length / 2)], .. other.Activations[..(op.Activations.Length / 2)]] };
        var run = Run(call, op, [Weights(call, forward, 0), Weights(call, backward, call.WeightCount / 2)]);
        var states = forward.Config["return_state"].Flag(false) ? States(call, op, run) : [];
        // Without a merge mode both directions are results of their own.
        if (call.Config.IsObject && call.Config.Element.TryGetProperty("merge_mode", out var mode) && mode.ValueKind == System.Text.Json.JsonValueKind.Null)
            return [Layout(call, op, run, Sequences(forward), "forward"), Layout(call, op, run, Sequences(forward), "backward"), .. states];
        return [Layout(call, op, run, Sequences(forward), call.Config["merge_mode"].Text("concat")), .. states];
    }

    private static bool Sequences(KerasLayer layer) => layer.Config["return_sequences"].Flag(false);

    private static RecurrentOperator Operator(KerasLayer layer, RecurrentDirection direction, bool keras3)
    {
        var config = layer.Config;
        if (config["stateful"].Flag(false) || config["time_major"].Flag(false) || config["zero_output_for_mask"].Flag(false))
            throw layer.Fault("stateful, time_major and zero_output_for_mask are not supported");
        var hidden = config["units", "output_dim"].Int(0);
        var inner = Activation(layer, config["recurrent_activation", "inner_activation"], "sigmoid", keras3);
        var outer = Activation(layer, config["activation"], "tanh", keras3);
        var times = direction == RecurrentDirection.Bidirectional ? 2 : 1;
        string[] Each(params string[] activations) => [.. Enumerable.Repeat(activations, times).SelectMany(a => a)];
        return Kind(layer) switch
        {
            "LSTM" => new Lstm(hidden, direction, Each(inner, outer, outer)),
            "GRU" => new Gru(hidden, direction, Each(inner, outer), config["reset_after"].Flag(IsOfGpu(layer))),
            _ => new Rnn(hidden, direction, Each(outer)),
        };
    }

    private static bool IsOfGpu(KerasLayer layer) => layer.Class.StartsWith(Gpu, StringComparison.Ordinal);

    private static string Kind(KerasLayer layer) => IsOfGpu(layer) ? layer.Class[Gpu.Length..] : layer.Class;

    private static string Activation(KerasLayer layer, KerasJson setting, string otherwise, bool keras3) =>
        (setting.IsObject ? setting["config", "class_name"].Text() : setting.Text(otherwise)) switch
        {
            "sigmoid" => "Sigmoid",
            "tanh" => "Tanh",
            "relu" => "Relu",
            // Keras 3 has another slope, which the operator does not know.
            "hard_sigmoid" when !keras3 => "HardSigmoid",
            var other => throw layer.Fault($"the activation '{ModelImportException.OneLine(other)}' of a recurrent layer is not supported; supported are sigmoid, tanh, relu and, of Keras 1 and 2, hard_sigmoid"),
        };

    /// <summary>Kernel, recurrent kernel and bias of one direction in ONNX's layout and order of gates.</summary>
    private static (Tensor Kernel, Tensor Recurrent, Tensor Bias) Weights(KerasCall call, KerasLayer layer, int first)
    {
        // i, f, c, o to i, o, f, c; those of a GRU have ONNX's order.
        int[] order = Kind(layer) switch { "LSTM" => [0, 3, 1, 2], "GRU" => [0, 1, 2], _ => [0] };
        var (kernel, recurrent) = (call.WeightAt(first, "kernel", 2), call.WeightAt(first + 1, "recurrent kernel", 2));
        var hidden = recurrent.Shape[0];
        var rows = order.Length * hidden;
        if (kernel.Shape[1] != rows || recurrent.Shape[1] != rows)
            throw call.Fault($"kernels [{string.Join(',', kernel.Shape)}] and [{string.Join(',', recurrent.Shape)}] do not fit {order.Length} gates of {hidden}");
        var bias = new float[2 * rows];
        if (layer.Config["use_bias"].Flag(true))
        {
            // One for the input and, of a GRU that resets behind its product and of layers for GPUs, one for the state.
            var given = call.WeightAt(first + 2, "bias", -1);
            if (given.Count != rows && given.Count != 2 * rows)
                throw call.Fault($"a bias [{string.Join(',', given.Shape)}] does not fit {order.Length} gates of {hidden}");
            for (var i = 0; i < given.Count; i++)
                bias[i / rows * rows + Array.IndexOf(order, i % rows / hidden) * hidden + i % hidden] = given.Floats[i];
        }
        return IsOfGpu(layer)
            ? (Transposed(kernel, order, hidden), Transposed(recurrent, order, hidden), Tensor.Of(bias, 1, 2 * rows))
            : (ByGate(kernel, order, hidden), ByGate(recurrent, order, hidden), Tensor.Of(bias, 1, 2 * rows));
    }

    /// <summary>[inputs, gates * H], in which the numbers of each gate are those of a matrix [H, inputs] row by row, as [1, gates * H, inputs].</summary>
    private static Tensor Transposed(Tensor kernel, int[] order, int hidden)
    {
        var (inputs, rows) = (kernel.Shape[0], kernel.Shape[1]);
        var result = new float[kernel.Count];
        for (var row = 0; row < rows; row++)
            for (var i = 0; i < inputs; i++)
            {
                var at = row % hidden * inputs + i;
                result[row * inputs + i] = kernel.Floats[at / hidden * rows + order[row / hidden] * hidden + at % hidden];
            }
        return Tensor.Of(result, 1, rows, inputs);
    }

    /// <summary>[inputs, gates * H] as [1, gates * H, inputs], the gates in another order.</summary>
    private static Tensor ByGate(Tensor kernel, int[] order, int hidden)
    {
        var (inputs, rows) = (kernel.Shape[0], kernel.Shape[1]);
        var result = new float[kernel.Count];
        for (var row = 0; row < rows; row++)
            for (var i = 0; i < inputs; i++)
                result[row * inputs + i] = kernel.Floats[i * rows + order[row / hidden] * hidden + row % hidden];
        return Tensor.Of(result, 1, rows, inputs);
    }

    /// <summary>All states [time, D, batch, H], the last one [D, batch, H] and an LSTM's last cell state; over the steps that a mask leaves, if there is one.</summary>
    private static (string[] Results, KerasSteps? Steps) Run(KerasCall call, RecurrentOperator op, (Tensor Kernel, Tensor Recurrent, Tensor Bias)[] directions)
    {
        var (graph, assembly) = (call.Graph, call.Graph.Assembly);
        if (call.Shape.Length != 3)
            throw call.Fault("is called with something that is no sequence [batch, time, features], which is not supported");
        var states = InitialStates(call, op);
        string Constant(string role, Func<(Tensor Kernel, Tensor Recurrent, Tensor Bias), Tensor> of) => assembly.Constant($"{call.Name}_{role}", Joined([.. directions.Select(of)]));
        var sequence = graph.Plain(call.X);
        var steps = call.MaskOf(call.X) is { } mask ? KerasSteps.Of(call, mask) : null;
        if (steps is not null)
            sequence = steps.Gathered(sequence);
        var x = assembly.Emit(call.Name + "_steps", new Transpose([1, 0, 2]), sequence);
        string[] inputs = [x, Constant("kernel", d => d.Kernel), Constant("recurrent", d => d.Recurrent), Constant("bias", d => d.Bias), steps?.Counts ?? "", .. states];
        while (inputs[^1].Length == 0)
            inputs = inputs[..^1];
        return (assembly.Emit(call.Name, op, op is Lstm ? 3 : 2, inputs), steps);
    }

    /// <summary>States that the layer is called with, one for each direction and kind: [D, batch, H].</summary>
    private static string[] InitialStates(KerasCall call, RecurrentOperator op)
    {
        Laid[] given = [.. call.Inputs.Skip(1), .. call.Named.Where(n => n.Name == "initial_state").Select(n => n.Value)];
        var kinds = op is Lstm ? 2 : 1;
        if (given.Length == 0)
            return [];
        if (given.Length != kinds * op.Directions)
            throw call.Fault($"is called with {given.Length} initial states where {kinds * op.Directions} are needed");
        var (graph, assembly) = (call.Graph, call.Graph.Assembly);
        // Keras lists the states of one direction after those of the other.
        return [.. Enumerable.Range(0, kinds).Select(kind =>
        {
            string[] parts = [.. Enumerable.Range(0, op.Directions).Select(d =>
                graph.Reshape($"{call.Name}_initial_{kind}_{d}", given[d * kinds + kind], [1, .. graph.Shape(given[d * kinds + kind])], call.Fault).Name)];
            return parts.Length == 1 ? parts[0] : assembly.Emit($"{call.Name}_initial_{kind}", new Concat(0), parts);
        })];
    }

    /// <summary>The last states [batch, H] of each direction, first h, then an LSTM's c.</summary>
    private static IReadOnlyList<Laid> States(KerasCall call, RecurrentOperator op, (string[] Results, KerasSteps? Steps) run)
    {
        var states = new List<Laid>();
        for (var d = 0; d < op.Directions; d++)
            foreach (var (kind, result) in run.Results.Skip(1).Index())
            {
                Laid all = new(result);
                var one = op.Directions == 1 ? all : call.Graph.Slice($"{call.Name}_state_{kind}_{d}", all, new([d], [d + 1], [0], [1]));
                states.Add(call.Graph.Reshape($"{call.Name}_last_{kind}_{d}", one, call.Graph.Shape(one)[1..], call.Fault));
            }
        return states;
    }

    private static Tensor Joined(Tensor[] parts) => parts.Length == 1
        ? parts[0]
        : Tensor.Of([.. parts.SelectMany(p => p.Floats)], [parts.Length, .. parts[0].Shape[1..]]);

    /// <summary>The results with the batch first and both directions merged.</summary>
    private static Laid Layout(KerasCall call, RecurrentOperator op, (string[] Results, KerasSteps? Steps) run, bool sequences, string merge)
    {
        var assembly = call.Graph.Assembly;
        // [batch, time, D, H] or [batch, D, H]
        var laid = sequences
            ? assembly.Emit(call.Name + "_sequence", new Transpose([2, 0, 1, 3]), run.Results[0])
            : assembly.Emit(call.Name + "_last", new Transpose([1, 0, 2]), run.Results[1]);
        if (sequences && run.Steps is { } steps)
            laid = steps.Scattered(laid, op);
        var (shape, axis) = (assembly.Shape(laid), sequences ? 2 : 1);
        return (op.Directions == 1 ? "concat" : merge) switch
        {
            "concat" => call.Graph.Reshape(call.Name + "_merged", new(laid), [.. shape[..axis], shape[axis] * shape[axis + 1]], call.Fault),
            "sum" => new(assembly.Emit(call.Name + "_merged", new ReduceSum([axis], false), laid)),
            "ave" => new(assembly.Emit(call.Name + "_merged", new ReduceMean([axis], false), laid)),
            "mul" => new(assembly.Emit(call.Name + "_merged", new ReduceProd([axis], false), laid)),
            "forward" => Direction(0),
            "backward" => Direction(1),
            var other => throw call.Fault($"merge_mode '{ModelImportException.OneLine(other)}' is not supported; supported are concat, sum, ave, mul"),
        };

        Laid Direction(int d) => call.Graph.Reshape(
            $"{call.Name}_direction_{d}", call.Graph.Slice($"{call.Name}_part_{d}", new(laid), new([d], [d + 1], [axis], [1])), [.. shape[..axis], shape[axis + 1]], call.Fault);
    }
}

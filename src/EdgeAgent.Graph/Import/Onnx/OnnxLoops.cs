using EdgeAgent.Graph.Ir;

namespace EdgeAgent.Graph.Import.Onnx;

/// <summary>Loops whose number of steps is known at import: the body once for each step.</summary>
internal static class OnnxLoops
{
    /// <summary>A loop is written out step by step; one of more steps would be too large a graph to use.</summary>
    private const int MaxSteps = 1 << 11;

    /// <summary>Inputs: the number of steps, a condition, values that each step hands to the next. Outputs: these values, then what the steps make, stacked.</summary>
    public static void Loop(OnnxNode node, OnnxGraphBuilder graph)
    {
        var body = new OnnxBody(node, graph);
        if (body.Inputs.Count < 2 || body.Inputs.Count != node.Proto.Input.Count || body.Outputs.Count < body.Inputs.Count - 1)
            throw node.Fault($"has {node.Proto.Input.Count} inputs, its body {body.Inputs.Count} inputs and {body.Outputs.Count} outputs, which do not fit");
        var carried = body.Inputs.Count - 2;
        var limit = node.Input(0).Length == 0 ? double.PositiveInfinity : Known(node, graph, node.Input(0), "how often it is repeated");
        var condition = node.Input(1).Length == 0 ? graph.AddConstant(node.Output(0) + "_always", Tensor.Of([true], [])) : node.Input(1);
        string[] values = [.. node.Proto.Input.Skip(2)];
        var stacked = Enumerable.Range(0, body.Outputs.Count - 1 - carried).Select(_ => new List<string>()).ToList();
        for (var step = 0; step < limit && Known(node, graph, condition, "whether it goes on") != 0; step++)
        {
            if (step == MaxSteps)
                throw node.Fault($"is repeated more than {MaxSteps} times, which is not supported; export the model with a shorter sequence");
            var made = body.Step([graph.AddConstant($"{node.Output(0)}_step", Tensor.Of([(long)step], [])), condition, .. values]);
            (condition, values) = (made[0], made[1..(1 + carried)]);
            for (var i = 0; i < stacked.Count; i++)
                stacked[i].Add(made[1 + carried + i]);
        }
        for (var i = 0; i < carried; i++)
            graph.Bind(node, i, values[i]);
        for (var i = 0; i < stacked.Count; i++)
            graph.Bind(node, carried + i, body.Stacked(stacked[i], 0));
    }

    /// <summary>
    /// Inputs: states that each step hands to the next, then sequences, an element of which each step reads. Outputs: the states, then
    /// what the steps make, stacked. Opset 8 has lengths in front, and a batch whose samples are scanned one by one.
    /// </summary>
    public static void Scan(OnnxNode node, OnnxGraphBuilder graph)
    {
        var body = new OnnxBody(node, graph);
        var batched = node.Opset < 9;
        if (batched && node.Input(0).Length > 0)
            throw node.Fault("has sequences of different lengths, which is not supported");
        string[] inputs = [.. node.Proto.Input.Skip(batched ? 1 : 0)];
        var sequences = node.SmallInt("num_scan_inputs", 0);
        var carried = inputs.Length - sequences;
        if (sequences < 1 || carried < 0 || body.Inputs.Count != inputs.Length || body.Outputs.Count < carried)
            throw node.Fault($"has {inputs.Length} inputs, of which {sequences} are sequences, its body {body.Inputs.Count} inputs and {body.Outputs.Count} outputs, which do not fit");
        string[] results;
        if (!batched)
            results = Scanned(node, graph, body, inputs, carried, "scan_input_directions");
        else
        {
            var batch = graph.ValueOf(node, inputs[0]).Shape is [> 0 and var known, ..] && inputs.All(i => graph.ValueOf(node, i).Shape is [var own, ..] && own == known)
                ? known
                : throw node.Fault("scans the samples of a batch of unknown size, which is not supported; convert the model to opset 9 or newer");
            var samples = Enumerable.Range(0, batch).Select(b => Scanned(node, graph, body, [.. inputs.Select(i => body.Element(i, 0, b))], carried, "directions")).ToList();
            results = [.. Enumerable.Range(0, body.Outputs.Count).Select(i => body.Stacked([.. samples.Select(s => s[i])], 0))];
        }
        for (var i = 0; i < results.Length; i++)
            graph.Bind(node, i, results[i]);
    }

    private static string[] Scanned(OnnxNode node, OnnxGraphBuilder graph, OnnxBody body, string[] inputs, int carried, string directions)
    {
        var axes = inputs.Skip(carried).Select((name, i) => OnnxShapes.Axis(node, At("scan_input_axes", i), graph.ValueOf(node, name).Shape.Length)).ToArray();
        var lengths = axes.Select((axis, i) => graph.ValueOf(node, inputs[carried + i]).Shape[axis]).Distinct().ToArray();
        if (lengths is not [>= 1 and <= MaxSteps and var count])
            throw node.Fault($"goes over {string.Join(" and ", lengths)} elements (the batch is negative); one known number of at most {MaxSteps} is supported");
        string[] states = inputs[..carried];
        var made = Enumerable.Range(0, body.Outputs.Count - carried).Select(_ => new string[count]).ToArray();
        for (var step = 0; step < count; step++)
        {
            var results = body.Step([.. states, .. axes.Select((axis, i) => body.Element(inputs[carried + i], axis, At(directions, i) == 0 ? step : count - 1 - step))]);
            states = results[..carried];
            for (var i = 0; i < made.Length; i++)
                made[i][At("scan_output_directions", i) == 0 ? step : count - 1 - step] = results[carried + i];
        }
        return [.. states, .. made.Select((m, i) => body.Stacked(m, At("scan_output_axes", i)))];

        long At(string attribute, int index) => node.Ints(attribute) is not { } given ? 0 : index < given.Length ? given[index] : throw node.Fault($"{attribute} has {given.Length} entries");
    }

    private static double Known(OnnxNode node, OnnxGraphBuilder graph, string name, string what) =>
        graph.Folded(name) is { IsConstant: true, Numbers: [var number] } ? number.Value : throw node.Fault($"{what} is computed from data or depends on the batch, which is not supported");
}

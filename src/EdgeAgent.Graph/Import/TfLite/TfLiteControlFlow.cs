using EdgeAgent.Graph.Ir;

namespace EdgeAgent.Graph.Import.TfLite;

/// <summary>Operators that call other subgraphs of the file: these are written out, a loop's body once for each step.</summary>
internal static class TfLiteControlFlow
{
    /// <summary>A loop of more steps would be too large a graph to use.</summary>
    private const int MaxSteps = 1 << 11;

    /// <summary>A loop whose number of steps is known, such as over the steps of a sequence. Inputs: what each step hands to the next.</summary>
    public static void While(TfLiteNode node, TfLiteGraphBuilder graph)
    {
        var values = Values(node, graph);
        for (var step = 0; ; step++)
        {
            if (graph.Call(node, node.Int(0), values) is not [var condition] || graph.Constant(graph.Lists.Whole(node, graph, condition)) is not { Data: bool[] and [var goesOn] })
                throw node.Fault("how often it is repeated is computed from data, which is not supported");
            if (!goesOn)
                break;
            if (step == MaxSteps)
                throw node.Fault($"is repeated more than {MaxSteps} times, which is not supported; export the model with a shorter sequence");
            values = graph.Call(node, node.Int(1), values);
        }
        graph.Pass(node, values);
    }

    /// <summary>Inputs: a condition, then what either subgraph takes.</summary>
    public static void If(TfLiteNode node, TfLiteGraphBuilder graph)
    {
        if (graph.Constant(graph.Real(node, 0)) is not { Data: bool[] and [var condition] })
            throw node.Fault("its condition is computed from data, which is not supported; export the model for inference");
        graph.Pass(node, graph.Call(node, node.Int(condition ? 0 : 1), Values(node, graph)[1..]));
    }

    public static void Call(TfLiteNode node, TfLiteGraphBuilder graph) => graph.Pass(node, graph.Call(node, node.Int(0), Values(node, graph)));

    /// <summary>What is done when the model is loaded: variables get their values.</summary>
    public static void CallOnce(TfLiteNode node, TfLiteGraphBuilder graph) => graph.Variables.Initialize(() => graph.Call(node, node.Int(0), []));

    private static string[] Values(TfLiteNode node, TfLiteGraphBuilder graph) => [.. Enumerable.Range(0, node.Inputs.Length).Select(i => graph.Value(node, i))];
}

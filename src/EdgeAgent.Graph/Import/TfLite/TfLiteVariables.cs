using EdgeAgent.Graph.Ir;

namespace EdgeAgent.Graph.Import.TfLite;

/// <summary>Variables that are set once, when the model is loaded: constants by another name. One that changes afterwards is state, which no graph here has.</summary>
internal sealed class TfLiteVariables
{
    private readonly Dictionary<string, string> _handles = [], _values = [];
    private bool _loading;

    /// <param name="load">Walks what is done when the model is loaded.</param>
    public void Initialize(Action load)
    {
        var before = _loading;
        _loading = true;
        load();
        _loading = before;
    }

    public static void Handle(TfLiteNode node, TfLiteGraphBuilder graph)
    {
        var handle = graph.NewConstant(node, "handle", Tensor.Of([0L]));
        graph.Variables._handles[handle] = $"{node.Text(0)}/{node.Text(1)}";
        graph.Define(node, handle);
    }

    public static void Read(TfLiteNode node, TfLiteGraphBuilder graph) => graph.Define(node, graph.Variables._values.TryGetValue(graph.Variables.Name(node, graph), out var value)
        ? value
        : throw node.Fault("reads a variable that has no value when the model is loaded, which is not supported"));

    public static void Assign(TfLiteNode node, TfLiteGraphBuilder graph)
    {
        const string state = "keeps state from one inference to the next, which is not supported; export the model without state";
        if (!graph.Variables._loading)
            throw node.Fault(state);
        var value = graph.Real(node, 1);
        if (graph.Constant(value) is null)
            throw node.Fault(state);
        graph.Variables._values[graph.Variables.Name(node, graph)] = value;
    }

    private string Name(TfLiteNode node, TfLiteGraphBuilder graph) =>
        _handles.TryGetValue(graph.Real(node, 0), out var name) ? name : throw node.Fault("its first input is no variable");
}

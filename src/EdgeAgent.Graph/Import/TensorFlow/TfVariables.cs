using EdgeAgent.Graph.Ir;

namespace EdgeAgent.Graph.Import.TensorFlow;

/// <summary>
/// The values of a SavedModel's variables. Which entry of the checkpoint belongs to a variable is what the model's own
/// restore graph says: RestoreV2 reads keys, and its outputs are assigned to variables.
/// </summary>
internal sealed class TfVariables(MetaGraphDef meta, string folder) : IDisposable
{
    private readonly Dictionary<string, Tensor> _read = [];
    private TensorBundle? _bundle;
    private Dictionary<string, string>? _keys;

    public Tensor Read(string variable)
    {
        if (_read.TryGetValue(variable, out var known))
            return known;
        _bundle ??= new(Path.Combine(folder, "variables"));
        _keys ??= Keys();
        // A variable that the restore graph does not mention is looked for under its own name, as TensorFlow 1 saves it.
        return _read[variable] = _bundle.Read(_keys.GetValueOrDefault(variable, variable));
    }

    public void Dispose() => _bundle?.Dispose();

    private Dictionary<string, string> Keys()
    {
        var keys = new Dictionary<string, string>();
        var main = new TfScope(meta.GraphDef.Node, "the graph");
        Collect(meta.GraphDef.Node, main, edge => Handle(main, edge));
        // TensorFlow 2 restores in a function that the handles are passed to.
        var functions = meta.GraphDef.Library?.Function.Where(f => f.Signature is not null).GroupBy(f => f.Signature.Name).ToDictionary(g => g.Key, g => g.First()) ?? [];
        if (main.Find(TfEdge.Parse(meta.SaverDef?.RestoreOpName ?? "")?.Node ?? "") is { } restore
            && restore.Attr.TryGetValue("f", out var f) && f.Func is not null && functions.TryGetValue(f.Func.Name, out var function))
        {
            var arguments = function.Signature.InputArg.Select((a, i) => (a.Name, Edge: i < restore.Input.Count ? TfEdge.Parse(restore.Input[i]) : null))
                .Where(a => a.Edge is not null).DistinctBy(a => a.Name).ToDictionary(a => a.Name, a => a.Edge!.Value);
            Collect(function.NodeDef, new(function.NodeDef, "the restore function"), edge => arguments.TryGetValue(edge.Node, out var passed) ? Handle(main, passed) : null);
        }
        return keys;

        void Collect(IEnumerable<NodeDef> nodes, TfScope scope, Func<TfEdge, string?> variableOf)
        {
            foreach (var assign in nodes.Where(n => n.Op is "AssignVariableOp" or "Assign" && n.Input.Count >= 2))
                if (TfEdge.Parse(assign.Input[0]) is { } target && variableOf(target) is { } variable
                    && TfEdge.Parse(assign.Input[1]) is { } source && Restored(scope, source) is { } key)
                    keys.TryAdd(variable, key);
        }
    }

    private static string? Handle(TfScope scope, TfEdge edge) => Through(scope, edge) is { Op: "VarHandleOp" or "VariableV2" or "Variable" } node ? node.Name : null;

    /// <summary>The checkpoint key that a value was restored from.</summary>
    private static string? Restored(TfScope scope, TfEdge edge)
    {
        // A restored list's outputs are told apart by their port, which Identities do not change.
        var node = Through(scope, edge, out var port);
        if (node is not { Op: "RestoreV2", Input.Count: > 1 } || TfEdge.Parse(node.Input[1]) is not { } names)
            return null;
        var keys = Through(scope, names)?.Attr.TryGetValue("value", out var value) == true ? value.Tensor?.StringVal : null;
        return keys is not null && port < keys.Count ? keys[port].ToStringUtf8() : null;
    }

    private static NodeDef? Through(TfScope scope, TfEdge edge) => Through(scope, edge, out _);

    private static NodeDef? Through(TfScope scope, TfEdge edge, out int port)
    {
        for (var steps = 0; steps < 16; steps++)
        {
            port = edge.Port;
            if (scope.Find(edge.Node) is not { Op: "Identity", Input.Count: > 0 } identity || TfEdge.Parse(identity.Input[0]) is not { } next)
                return scope.Find(edge.Node);
            edge = next;
        }
        port = 0;
        return null;
    }
}

using EdgeAgent.Graph.Import.ChannelsLast;
using EdgeAgent.Graph.Ir;

namespace EdgeAgent.Graph.Import.TensorFlow;

/// <summary>Reads the value of a variable by the name of the node that makes its handle.</summary>
internal delegate Tensor TfVariableReader(string variable);

/// <summary>
/// Walks a TensorFlow graph from what it is asked for, so that training, saving and loading are never looked at. Calls of
/// functions are inlined. Nodes that compute shapes are folded; every other node is handed to its converter in
/// <see cref="TfOperators"/>.
/// </summary>
internal sealed class TfWalker(FunctionDefLibrary? library, ChannelsLastGraph graph, TfVariableReader readVariable)
{
    /// <summary>The largest networks have a tenth of this; functions that call functions could make any number.</summary>
    private const int MaxNodes = 1 << 16, MaxCallDepth = 64;

    /// <summary>A loop is written out step by step; one of more steps would be too large a graph to use.</summary>
    private const int MaxSteps = 1 << 11;

    /// <summary>Operators that are converted here.</summary>
    private static readonly HashSet<string> _own = [.. TfOperators.OfWalker];

    private readonly Dictionary<string, FunctionDef> _functions = FunctionsOf(library);
    private readonly List<string> _calls = [];
    private int _nodes;

    public IReadOnlyList<TfValue> Run(TfScope scope, IReadOnlyList<TfEdge> wanted)
    {
        foreach (var def in scope.Order(wanted))
        {
            if (++_nodes > MaxNodes)
                throw TfNode.FaultOf(def, $"is one of more than {MaxNodes} nodes with all functions inlined, which is not supported");
            var inputs = def.Input.Select(TfEdge.Parse).OfType<TfEdge>().Select(edge => Value(scope, edge)).ToList();
            if (Skipped(def, inputs) is { } skipped)
            {
                scope.Skipped.Add(def.Name, skipped);
                continue;
            }
            var outputs = Convert(def, inputs);
            for (var port = 0; port < outputs.Count; port++)
                scope.Values.TryAdd(new(def.Name, port), outputs[port]);
        }
        return [.. wanted.Select(edge => Value(scope, edge))];
    }

    private static TfValue Value(TfScope scope, TfEdge edge) => scope.Values.TryGetValue(edge, out var value)
        ? value
        : scope.Skipped.GetValueOrDefault(edge.Node) ?? throw (scope.Find(edge.Node) is { } node
            ? TfNode.FaultOf(node, $"its output {edge.Port} is read, which is not supported")
            : new ImportFault($"'{ModelImportException.OneLine(edge.Node)}' is read and defined nowhere"));

    /// <summary>What all outputs of a node are that is not converted: dead or unknown, as something it reads is; null for others.</summary>
    private TfValue? Skipped(NodeDef def, IReadOnlyList<TfValue> inputs)
    {
        if (def.Op == "Merge")
            return inputs.All(i => i is TfValue.Dead) ? new TfValue.Dead() : null;
        if (inputs.FirstOrDefault(i => i is TfValue.Dead) is { } dead)
            return dead;
        // Functions need not read all that they are called with.
        if (CalledFunction(def) is not null || _own.Contains(def.Op))
            return null;
        return inputs.FirstOrDefault(i => i is TfValue.Unknown) ?? TfRandom.TryApply(new(def, inputs, graph))
            ?? (TfOperators.All.ContainsKey(def.Op) ? null : new TfValue.Unknown(TfNode.FaultOf(def, ImportFault.UnsupportedOperator)));
    }

    private IReadOnlyList<TfValue> Convert(NodeDef def, IReadOnlyList<TfValue> inputs)
    {
        var node = new TfNode(def, inputs, graph);
        if (CalledFunction(def) is { } function)
            return Call(node, function, inputs);
        switch (def.Op)
        {
            case "VarHandleOp" or "VariableV2" or "Variable":
                return [new TfValue.Variable(def.Name)];
            case "ReadVariableOp":
                return [Read(node, node.Input(0))];
            // A reference variable (TensorFlow 1) is read by an Identity; a handle only passes through one.
            case "Identity" when node.Input(0) is TfValue.Variable && node.Type("T") != (int)TfType.Resource:
                return [Read(node, node.Input(0))];
            // An embedding of TensorFlow 2: rows of a variable that is not read as a whole.
            case "ResourceGather":
                return Emitted(new(def, [Read(node, node.Input(0)), .. inputs.Skip(1)], graph), TfOperators.All["Gather"]);
            case "While" or "StatelessWhile":
                return Loop(node, Function(def, "cond"), Function(def, "body"), inputs);
            case "If" or "StatelessIf":
                return node.Folded(0) is { IsConstant: true, Numbers: [var taken] }
                    ? Call(node, Function(def, taken.Value != 0 ? "then_branch" : "else_branch"), [.. inputs.Skip(1)])
                    : throw node.Fault("its condition is computed from data, which is not supported; export the model for inference");
            case "Switch":
                if (node.Folded(1) is not { IsConstant: true, Numbers: [var side] })
                    throw node.Fault("its condition is computed from data, which is not supported; export the model for inference");
                TfValue[] sides = [node.Input(0), new TfValue.Dead()];
                return side.Value == 0 ? sides : [sides[1], sides[0]];
            case "Merge":
                var live = Enumerable.Range(0, inputs.Count).First(i => inputs[i] is not TfValue.Dead);
                return [inputs[live], new TfValue.Folded(new(ElementType.Int32, [], [new(live)]))];
            case "Placeholder":
                throw node.Fault("is an input that the signature does not name");
        }
        return TfFolding.TryFold(node) is { } folded ? [new TfValue.Folded(folded)] : Emitted(node, TfOperators.All[def.Op]);
    }

    private IReadOnlyList<TfValue> Emitted(TfNode node, TfOperators.Converter convert)
    {
        try
        {
            return convert(node, graph);
        }
        catch (InvalidGraphException e)
        {
            throw node.Fault(e.Message);
        }
    }

    private FunctionDef Function(NodeDef def, string attribute) =>
        def.Attr.TryGetValue(attribute, out var value) && value.Func is { } named && _functions.TryGetValue(named.Name, out var function)
            ? function
            : throw TfNode.FaultOf(def, $"the function of its {attribute} is not in the file");

    /// <summary>A loop whose number of steps is known, such as over the steps of a sequence: the body once for each.</summary>
    private IReadOnlyList<TfValue> Loop(TfNode node, FunctionDef condition, FunctionDef body, IReadOnlyList<TfValue> values)
    {
        for (var step = 0; ; step++)
        {
            var goesOn = Call(node, condition, values) is [var only, ..] ? node.Folded(only) : null;
            if (goesOn is not { IsConstant: true, Numbers: [var more] })
                throw node.Fault("how often it is repeated is computed from data or depends on the batch, which is not supported");
            if (more.Value == 0)
                return values;
            if (step == MaxSteps)
                throw node.Fault($"is repeated more than {MaxSteps} times, which is not supported; export the model with a shorter sequence");
            values = Call(node, body, values);
        }
    }

    private TfValue Read(TfNode node, TfValue handle) => handle is TfValue.Variable variable
        ? new TfValue.Constant(readVariable(variable.Name))
        : throw node.Fault("reads a variable through a value that is no handle of one");

    private static string? CalledFunctionName(NodeDef def) =>
        def.Op is "PartitionedCall" or "StatefulPartitionedCall" && def.Attr.TryGetValue("f", out var f) ? f.Func?.Name : null;

    /// <summary>The function a node calls: named by an attribute or, in older files, by the operator itself.</summary>
    private FunctionDef? CalledFunction(NodeDef def)
    {
        if (CalledFunctionName(def) is { } name)
            return _functions.GetValueOrDefault(name) ?? throw TfNode.FaultOf(def, $"calls the function '{ModelImportException.OneLine(name)}', which the file does not hold");
        return _functions.GetValueOrDefault(def.Op);
    }

    private IReadOnlyList<TfValue> Call(TfNode node, FunctionDef function, IReadOnlyList<TfValue> arguments)
    {
        var signature = function.Signature;
        if (_calls.Contains(signature.Name))
            throw node.Fault($"calls the function '{ModelImportException.OneLine(signature.Name)}' from inside itself; recursion is not supported");
        if (_calls.Count >= MaxCallDepth)
            throw node.Fault($"is a call inside {MaxCallDepth} others, which is not supported");
        if (arguments.Count != signature.InputArg.Count)
            throw node.Fault($"passes {arguments.Count} arguments to a function of {signature.InputArg.Count}");
        var scope = new TfScope(function.NodeDef, $"function '{ModelImportException.OneLine(signature.Name)}'");
        for (var i = 0; i < arguments.Count; i++)
            scope.Values.TryAdd(new(signature.InputArg[i].Name, 0), arguments[i]);
        var wanted = new List<TfEdge>();
        foreach (var output in signature.OutputArg)
            wanted.Add(function.Ret.TryGetValue(output.Name, out var edge) && TfEdge.Parse(edge) is { } returned
                ? returned
                : throw node.Fault($"the function it calls does not return '{ModelImportException.OneLine(output.Name)}'"));
        _calls.Add(signature.Name);
        try
        {
            return Run(scope, wanted);
        }
        finally
        {
            _calls.RemoveAt(_calls.Count - 1);
        }
    }

    private static Dictionary<string, FunctionDef> FunctionsOf(FunctionDefLibrary? library)
    {
        var functions = new Dictionary<string, FunctionDef>();
        foreach (var function in library?.Function ?? [])
            if (function.Signature is { Name.Length: > 0 } signature && !functions.TryAdd(signature.Name, function))
                throw new ImportFault($"function '{ModelImportException.OneLine(signature.Name)}' is defined twice");
        return functions;
    }
}

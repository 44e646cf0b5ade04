using EdgeAgent.Graph.Ir;

namespace EdgeAgent.Graph.Export.Onnx;

/// <summary>Short names for inner values; inputs and outputs keep theirs, for they are the model's interface.</summary>
internal sealed class OnnxNames
{
    private const string Digits = "abcdefghijklmnopqrstuvwxyz0123456789";
    private readonly Dictionary<string, string> _short = [];
    private readonly HashSet<string> _kept;
    private int _next;

    public OnnxNames(GraphSpec graph)
    {
        _kept = [.. graph.Inputs.Concat(graph.Outputs).Select(v => v.Name)];
    }

    public string Of(string name)
    {
        if (name.Length == 0 || _kept.Contains(name))
            return name;
        if (!_short.TryGetValue(name, out var shortName))
            _short[name] = shortName = Fresh();
        return shortName;
    }

    /// <summary>A name that no other value has.</summary>
    public string Fresh()
    {
        while (true)
        {
            var name = "";
            for (var n = _next++; ; n = n / Digits.Length - 1)
            {
                name = Digits[n % Digits.Length] + name;
                if (n < Digits.Length)
                    break;
            }
            if (!_kept.Contains(name))
                return name;
        }
    }
}

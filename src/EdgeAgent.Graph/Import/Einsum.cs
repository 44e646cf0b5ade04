using EdgeAgent.Graph.Ir;

namespace EdgeAgent.Graph.Import;

/// <summary>
/// Einstein's summation: diagonals, sums over axes that only one operand has, then the operands one after the other, each as a
/// matrix product between Transposes and Reshapes.
/// </summary>
/// <param name="emit">Appends a node and returns its value.</param>
/// <param name="shapeOf">Of a value; the batch is negative.</param>
internal sealed class Einsum(string equation, Func<Operator, string[], string> emit, Func<string, int[]> shapeOf, Func<string, ImportFault> fault)
{
    /// <summary>Labels of the axes that an ellipsis stands for, counted from the last: no letter is one of them.</summary>
    private const char FirstUnnamed = '\uE000';

    private const char Ellipsis = '\u2026';

    private readonly Dictionary<char, int> _sizes = [];

    /// <param name="operands">Values in the model's own order of axes.</param>
    /// <returns>The result in the order that the equation says.</returns>
    public string Emit(params string[] operands)
    {
        var (terms, result) = Parsed(operands);
        foreach (var (labels, value) in terms)
            Measure(labels, shapeOf(value));
        if (result.Distinct().Count() != result.Length || result.Any(c => !_sizes.ContainsKey(c)))
            throw Unfit("names an axis of the result that no operand has, or one twice");
        var ready = new List<(string Labels, string Value)>();
        for (var i = 0; i < terms.Count; i++)
            ready.Add(Own(Diagonal(Unbroadcast(terms[i])), c => result.Contains(c) || terms.Where((_, other) => other != i).Any(t => t.Labels.Contains(c))));
        var product = ready[0];
        for (var i = 1; i < ready.Count; i++)
            product = Product(product, ready[i], c => result.Contains(c) || ready.Skip(i + 1).Any(r => r.Labels.Contains(c)));
        return Ordered(Own(product, result.Contains), result);
    }

    private (List<(string Labels, string Value)> Terms, string Result) Parsed(string[] operands)
    {
        var text = equation.Replace(" ", "", StringComparison.Ordinal).Replace("...", $"{Ellipsis}", StringComparison.Ordinal);
        var sides = text.Split("->");
        var given = sides[0].Split(',');
        if (sides.Length > 2 || sides.Any(s => s.Any(c => !char.IsAsciiLetter(c) && c is not (',' or Ellipsis))) || given.Any(g => g.Count(c => c == Ellipsis) > 1))
            throw Unfit("is none: letters for axes, one ellipsis in each operand, '->' and the result");
        if (given.Length != operands.Length)
            throw Unfit($"has {given.Length} operands, the node {operands.Length}");
        var unnamed = 0;
        var terms = new List<(string, string)>();
        foreach (var (labels, value) in given.Zip(operands))
        {
            var rank = shapeOf(value).Length;
            var free = rank - labels.Count(c => c != Ellipsis);
            if (free < 0 || free > 0 && !labels.Contains(Ellipsis))
                throw Unfit($"does not fit [{string.Join(',', shapeOf(value))}]");
            unnamed = Math.Max(unnamed, free);
            terms.Add((labels.Replace($"{Ellipsis}", Unnamed(free), StringComparison.Ordinal), value));
        }
        // Without a result the axes that are named once, in the alphabet's order, behind those of the ellipsis.
        var result = sides.Length == 2 ? sides[1] : Ellipsis + string.Concat(sides[0].Where(char.IsAsciiLetter).GroupBy(c => c).Where(g => g.Count() == 1).Select(g => g.Key).Order());
        return (terms, result.Replace($"{Ellipsis}", Unnamed(unnamed), StringComparison.Ordinal));
    }

    private static string Unnamed(int count) => string.Concat(Enumerable.Range(0, count).Select(i => (char)(FirstUnnamed + count - 1 - i)));

    private void Measure(string labels, int[] shape)
    {
        for (var i = 0; i < labels.Length; i++)
            if (!_sizes.TryAdd(labels[i], shape[i]) && _sizes[labels[i]] != shape[i] && shape[i] != 1)
                _sizes[labels[i]] = _sizes[labels[i]] == 1 ? shape[i] : throw Unfit($"names axes of {_sizes[labels[i]]} and {shape[i]} elements alike");
    }

    /// <summary>Without axes of one element that the same axis of another operand repeats.</summary>
    private (string Labels, string Value) Unbroadcast((string Labels, string Value) operand)
    {
        var shape = shapeOf(operand.Value);
        var kept = string.Concat(operand.Labels.Where((c, i) => shape[i] == _sizes[c]));
        return kept.Length == operand.Labels.Length ? operand : (kept, Reshaped(operand.Value, [.. kept.Select(c => _sizes[c])]));
    }

    /// <summary>An axis that an operand names twice: those elements whose two indices are the same.</summary>
    private (string Labels, string Value) Diagonal((string Labels, string Value) operand)
    {
        while (operand.Labels.GroupBy(c => c).FirstOrDefault(g => g.Count() > 1) is { Key: var label })
        {
            var size = _sizes[label] > 0 ? _sizes[label] : throw Unfit("takes a diagonal of the batch, which is not supported");
            var (first, second) = (operand.Labels.IndexOf(label, StringComparison.Ordinal), operand.Labels.LastIndexOf(label));
            int[] others = [.. Enumerable.Range(0, operand.Labels.Length).Where(i => i != first && i != second)];
            var rest = string.Concat(others.Select(i => operand.Labels[i]));
            var square = emit(new Transpose([.. others, first, second]), [operand.Value]);
            var flat = Reshaped(square, [.. rest.Select(c => _sizes[c]), checked(size * size)]);
            operand = (rest + label, emit(new StridedSlice([0], [int.MaxValue], [rest.Length], [size + 1]), [flat]));
        }
        return operand;
    }

    /// <summary>Summed over the axes that nothing else needs.</summary>
    private (string Labels, string Value) Own((string Labels, string Value) operand, Func<char, bool> needed)
    {
        int[] summed = [.. Enumerable.Range(0, operand.Labels.Length).Where(i => !needed(operand.Labels[i]))];
        return summed.Length == 0 ? operand : (Where(operand.Labels, needed), emit(new ReduceSum(summed, false), [operand.Value]));
    }

    private (string Labels, string Value) Product((string Labels, string Value) a, (string Labels, string Value) b, Func<char, bool> needed)
    {
        string shared = Where(a.Labels, b.Labels.Contains), batch = Where(shared, needed), summed = Where(shared, c => !needed(c));
        string left = Where(a.Labels, c => !b.Labels.Contains(c)), right = Where(b.Labels, c => !a.Labels.Contains(c));
        var product = emit(new MatMul(), [Matrices(a, batch, left, summed), Matrices(b, batch, summed, right)]);
        return (batch + left + right, Reshaped(product, [.. (batch + left + right).Select(c => _sizes[c])]));
    }

    /// <summary>The operand as matrices: its axes in this order, and those of rows and of columns made one.</summary>
    private string Matrices((string Labels, string Value) operand, string batch, string rows, string columns) =>
        Reshaped(Ordered(operand, batch + rows + columns), [.. batch.Select(c => _sizes[c]), Size(rows), Size(columns)]);

    private string Ordered((string Labels, string Value) value, string labels) => value.Labels == labels
        ? value.Value
        : emit(new Transpose([.. labels.Select(c => value.Labels.IndexOf(c, StringComparison.Ordinal))]), [value.Value]);

    private string Reshaped(string value, int[] shape)
    {
        if (shapeOf(value).AsSpan().SequenceEqual(shape))
            return value;
        if (shape.Count(d => d < 0) > 1)
            throw Unfit("multiplies the batch by itself, which is not supported");
        return emit(new Reshape([.. shape.Select(d => (long)Math.Max(d, -1))]), [value]);
    }

    private int Size(string labels) => labels.Aggregate(1, (size, c) => checked(size * _sizes[c]));

    private ImportFault Unfit(string what) => fault($"the equation '{ModelImportException.OneLine(equation)}' {what}");

    private static string Where(string labels, Func<char, bool> condition) => string.Concat(labels.Where(condition));
}

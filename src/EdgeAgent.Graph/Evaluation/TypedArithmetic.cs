using System.Numerics;
using EdgeAgent.Graph.Ir;

namespace EdgeAgent.Graph.Evaluation;

/// <summary>
/// Operators of two operands on any element type, with broadcasting, one element at a time: comparisons, logic, integers, and
/// the arithmetic on floats that <see cref="Elementwise"/> has no vector code for.
/// </summary>
internal static class TypedArithmetic
{
    public static Tensor Run(Operator op, Tensor a, Tensor b, int[] shape)
    {
        if (op is Pow && a.Type != b.Type)
            b = Casting.Run(b, a.Type);
        return (op, a.Type) switch
        {
            (LogicalOperator, _) => Map<bool, bool>(a, b, ElementType.Bool, shape, Logic(op)),
            (Equal, ElementType.Bool) => Map<bool, bool>(a, b, ElementType.Bool, shape, (x, y) => x == y),
            (_, ElementType.Float32) => Numbers<float>(op, a, b, shape),
            (_, ElementType.UInt8) => Numbers<byte>(op, a, b, shape),
            (_, ElementType.Int8) => Numbers<sbyte>(op, a, b, shape),
            (_, ElementType.Int32) => Numbers<int>(op, a, b, shape),
            (_, ElementType.Int64) => Numbers<long>(op, a, b, shape),
            _ => throw new NotSupportedException($"{op.Type} of {a.Type} is not supported"),
        };
    }

    private static Tensor Numbers<T>(Operator op, Tensor a, Tensor b, int[] shape)
        where T : INumber<T> =>
        op is ComparisonOperator ? Map(a, b, ElementType.Bool, shape, Comparison<T>(op)) : Map(a, b, a.Type, shape, Arithmetic<T>(op));

    private static Func<T, T, T> Arithmetic<T>(Operator op)
        where T : INumber<T> => op switch
        {
            Add => (x, y) => x + y,
            Sub => (x, y) => x - y,
            Mul => (x, y) => x * y,
            Div when typeof(T) == typeof(float) => (x, y) => x / y,
            Div => (x, y) => T.IsZero(y) ? throw new DivideByZeroException("an integer is divided by 0") : x / y,
            Max => T.Max,
            Min => T.Min,
            Pow => (x, y) => T.CreateTruncating(Math.Pow(double.CreateChecked(x), double.CreateChecked(y))),
            PRelu => (x, y) => T.IsNegative(x) ? x * y : x,
            _ => throw new NotSupportedException($"{op.Type} is no arithmetic"),
        };

    private static Func<T, T, bool> Comparison<T>(Operator op)
        where T : INumber<T> => op switch
        {
            Equal => (x, y) => x == y,
            Greater => (x, y) => x > y,
            GreaterOrEqual => (x, y) => x >= y,
            Less => (x, y) => x < y,
            LessOrEqual => (x, y) => x <= y,
            _ => throw new NotSupportedException($"{op.Type} is no comparison"),
        };

    private static Func<bool, bool, bool> Logic(Operator op) => op switch
    {
        And => (x, y) => x && y,
        Or => (x, y) => x || y,
        Xor => (x, y) => x != y,
        _ => throw new NotSupportedException($"{op.Type} is no logic"),
    };

    private static Tensor Map<T, TResult>(Tensor a, Tensor b, ElementType type, int[] shape, Func<T, T, TResult> function)
    {
        var (left, right) = ((T[])a.Data, (T[])b.Data);
        var (indicesA, indicesB) = (Broadcasting.Indices(a.Shape, shape), Broadcasting.Indices(b.Shape, shape));
        var result = new TResult[indicesA.Length];
        for (var i = 0; i < result.Length; i++)
            result[i] = function(left[indicesA[i]], right[indicesB[i]]);
        return Tensor.Wrap(type, result, shape);
    }
}
